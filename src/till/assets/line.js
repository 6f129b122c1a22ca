// The way to the terminal: opening the page, requests, and events as they happen.
//
// - The page has a proof beside its cookie; it is sent with every request, and kept where only this address can read it.
// - Something comes from the terminal every two seconds. After five without a sign it counts as unreachable, and is called again every second; what was
//   missed is told again.

const PROOF = 'pass.proof';
const SESSION = 'pass.session';
const SILENCE_MS = 5000;
const AGAIN_MS = 1000;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** A request that got no answer, or a problem (RFC 9457) as its answer. */
export class Unanswered extends Error {
  constructor(problem) {
    super(problem?.title ?? 'lost');
    /** The problem; nothing when the answer was lost. */
    this.problem = problem;
  }
}

export class Line {
  #language;
  #hear;
  #restart = new AbortController();
  #anew = false;

  /** `hear` is told `{ type: 'line', line }` and every event of the terminal. */
  constructor(language, hear) {
    this.#language = language;
    this.#hear = hear;
  }

  /** The session of the cashier who has signed in: kept as long as this tab. */
  set session(session) {
    sessionStorage.setItem(SESSION, session);
  }

  /** Opens the page if its address has a code, then listens for ever. */
  async start() {
    const code = new URLSearchParams(location.hash.slice(1)).get('code');
    if (code) {
      // Gone from the address bar and the history before anything else.
      history.replaceState(null, '', location.pathname);
      await this.#open(code);
    }
    let heard = '';
    for (;;) {
      heard = await this.#listen(heard);
      if (this.#anew) {
        this.#anew = false;
        heard = '';
      } else {
        await pause(AGAIN_MS);
      }
    }
  }

  /** Speaks another language from now on: everything is told again. */
  speak(language) {
    this.#language = language;
    this.#anew = true;
    this.#restart.abort();
  }

  /** The JSON answer; throws [Unanswered]. */
  async ask(method, path, body, signal) {
    let response;
    try {
      response = await fetch(path, this.#request(method, body, signal));
    } catch {
      throw new Unanswered();
    }
    const answer = await response.json().catch(() => undefined);
    if (response.status === 401 || (response.status === 403 && answer?.code === 'foreign')) {
      this.#hear({ type: 'line', line: 'locked' });
    }
    if (!response.ok || answer === undefined) {
      throw new Unanswered(answer);
    }
    return answer;
  }

  #request(method, body, signal) {
    const headers = { 'Accept-Language': this.#language, 'X-CSRF-Token': localStorage.getItem(PROOF) ?? '' };
    const session = sessionStorage.getItem(SESSION);
    if (session) {
      headers['Pass-Session'] = session;
    }
    if (body !== undefined) {
      headers['Content-Type'] = 'application/json';
    }
    return { method, headers, body: body && JSON.stringify(body), signal, cache: 'no-store', credentials: 'same-origin' };
  }

  async #open(code) {
    for (;;) {
      try {
        const opened = await this.ask('POST', '/v1/page', { code });
        localStorage.setItem(PROOF, opened.csrf_token);
        return;
      } catch (unanswered) {
        if (unanswered.problem) {
          return;
        }
        this.#hear({ type: 'line', line: 'down' });
        await pause(AGAIN_MS);
      }
    }
  }

  /** Hears events until they end; the id of the last one. */
  async #listen(heard) {
    const stop = new AbortController();
    this.#restart = stop;
    let silence = setTimeout(() => stop.abort(), SILENCE_MS);
    try {
      const request = this.#request('GET', undefined, stop.signal);
      if (heard) {
        request.headers['Last-Event-ID'] = heard;
      }
      const response = await fetch('/v1/events', request);
      if (response.status === 401 || response.status === 403) {
        this.#hear({ type: 'line', line: 'locked' });
        return '';
      }
      if (!response.ok) {
        throw new Unanswered();
      }
      this.#hear({ type: 'line', line: 'up' });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';
      for (;;) {
        const { done, value } = await reader.read();
        if (done) {
          break;
        }
        clearTimeout(silence);
        silence = setTimeout(() => stop.abort(), SILENCE_MS);
        text += value;
        const events = text.split('\n\n');
        text = events.pop();
        for (const event of events) {
          heard = this.#event(event) ?? heard;
        }
      }
    } catch {
      // Said below, whatever it was.
    } finally {
      clearTimeout(silence);
    }
    if (!this.#anew) {
      this.#hear({ type: 'line', line: 'down' });
    }
    return heard;
  }

  #event(text) {
    const field = (name) => text.split('\n').find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    const [id, name, data] = [field('id'), field('event'), field('data')];
    if (name && data) {
      this.#hear({ type: name, data: JSON.parse(data) });
    }
    return id;
  }
}
