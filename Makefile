# What there is to do here. Every target is a script that can be run by itself.
.DEFAULT_GOAL := help
.PHONY: help demo test emulated bench bench-sts mutants soak soak-sts build reproducible

help: ## print this list
	@sed -n 's/^\([a-z-]*\): ## /\1	/p' $(MAKEFILE_LIST) | expand -t 14

demo: ## join a tailnet that runs on this machine, fetch a page over it, leave, and see that nothing is left
	scripts/demo

test: ## run every check; `scripts/check NAME...` runs some
	scripts/check

emulated: ## run what a release has for other architectures, by qemu-user
	scripts/emulated

bench: ## measure join and leave against their floors
	scripts/bench

bench-sts: ## measure the token service against a handler that only signs
	scripts/bench-sts

mutants: ## change each guarding line of scripts/mutants.txt, and see that a test fails
	scripts/mutants

soak: ## kill join and leave at 500 random moments, and see that nothing is left
	scripts/soak

soak-sts: ## rotate the token service's keys under load for 10 minutes while its parts break
	scripts/soak-sts

build: ## build the release's files for all platforms into dist/
	scripts/build

reproducible: ## build twice, in two directories, and compare
	scripts/reproducible
