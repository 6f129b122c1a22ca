# What one types here. The steps themselves are in scripts/, which say what they do as they do it.
#
#   make demo     a sale from the card to the region, on virtual cards and readers
#   make test     everything that must hold before a change goes in
#   make soak     fresh histories of the simulation, for ever or SECONDS=600, up to the first that fails
#   make mutants  shows that the simulation finds bugs: puts each of a list of them into a copy of the tree
#   make screens  pictures of every state of the cashier's page, in target/screens
#   make api-fuzz  the local API against its description, by schemathesis (from PyPI)
#   make fuzz      hostile input, SECONDS=60 for each target: needs cargo-fuzz and a nightly toolchain
#   make bench    how far a sale is from the limit of the machine
#   make deb      the Debian packages pass-terminal and pass-region, in target/packages
#   make reproducible  builds the packages twice, in two places, and compares every byte
#   make msrv     compiles everything with the oldest Rust that is promised
#   make coverage  which lines the tests run, room by room
#   make deb-test  installs, upgrades, removes and purges them in a Debian of their own, with systemd running
#   make audit    licences and origins of the crates
#   make setup    installs the Debian packages that are missing; the other targets begin with it
#   make clean    removes what was built
#
# CARGO_TARGET_DIR is obeyed. PROFILE=dev makes `make demo` build faster and run slower.

PROFILE ?= release

# Rust as rustup installs it is found also where no login shell has put it on the path.
export PATH := $(PATH):$(HOME)/.cargo/bin

.PHONY: help setup demo test screens api-fuzz soak mutants fuzz bench deb reproducible msrv coverage deb-test audit clean

help:
	@sed -n 's/^#   make/make/p' Makefile

setup:
	@sh scripts/setup

# The programs are built first: the demonstration runs them as their users would.
demo: setup
	cargo build --locked --profile $(PROFILE) --bins --example demo
	cargo run --locked --quiet --profile $(PROFILE) --example demo

test: setup
	@sh scripts/check

screens: setup
	@sh scripts/tools
	PASS_SCREENS="$${CARGO_TARGET_DIR:-$(CURDIR)/target}/screens" cargo test --locked --test page -- screens:: payment::

api-fuzz: setup
	@sh scripts/tools schemathesis
	cargo test --locked --test api_fuzz -- --nocapture

soak: setup
	@sh scripts/soak $(SECONDS)

mutants: setup
	@sh scripts/mutants

fuzz:
	@SECONDS_EACH=$(or $(SECONDS),60) sh scripts/fuzz

bench: setup
	cargo bench --locked

deb: setup
	@sh scripts/deb

reproducible: setup
	@sh scripts/reproducible

msrv: setup
	@sh scripts/msrv

coverage: setup
	@sh scripts/coverage

deb-test: deb
	@sh scripts/deb-test

audit:
	@sh scripts/audit

clean:
	cargo clean
