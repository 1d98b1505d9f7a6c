# riffd. "make help" says what there is; each target installs what is missing from Debian's packages.

# Debian's packages, named here and nowhere else.
BUILD_PACKAGES = pkg-config libfftw3-dev libpng-dev libjpeg62-turbo-dev libsndfile1-dev \
                 libmpg123-dev libflac-dev libvorbis-dev libopusfile-dev libsoxr-dev libopus-dev \
                 libogg-dev libopenblas-dev libxxhash-dev libyaml-dev libfreetype-dev \
                 libsoundtouch-dev
# Outside witnesses that the tests ask.
TEST_PACKAGES  = ffmpeg opus-tools python3 python3-pil systemd curl
# A browser and a second user, for the page's tests.
WEB_PACKAGES   = chromium util-linux python3
# What makes a Debian package, and a bare Debian to try it on.
DEB_PACKAGES   = binutils dpkg-dev lintian
BARE_PACKAGES  = mmdebstrap

SWIFT_BUILD = swift build -c release
BENCH_PROGRAM = $$($(SWIFT_BUILD) --show-bin-path)/riff-bench
PREFIX     ?= /usr/local
PROMPT     ?= funk bassline with a jazzy saxophone solo

.PHONY: help build demo test conform docs readme-check fuzz sanitize sanitize-thread sanitize-address soak test-python test-web riff-grpc test-grpc bench stage install uninstall deb test-deb lint packages test-packages torture test-ray soak-web clean

help:
	@echo "make demo        build, and ask the daemon for music"
	@echo "make test        build and run the tests"
	@echo "make conform     hold the daemon and both clients against Protocol/framing.md"
	@echo "make docs        the Swift libraries' documentation, as a website in out/docs"
	@echo "make readme-check runs every command of README.md and docs/"
	@echo "make soak        an hour of load and bad times (MINUTES=5 for less): nothing is left behind"
	@echo "make fuzz        fuzz what comes from outside (SECONDS=10, INPUTS=10000000, TARGETS=\"audio torch\")"
	@echo "make sanitize    the thread sanitizer over jobs and transport, the address sanitizer over all tests"
	@echo "make torture     fail each call of each kind of job once (EACH=3 of a kind and job)"
	@echo "make install     riff, riffd, riff-web, model, manual, completions to PREFIX (default $(PREFIX)), GRPC=1: riff-grpc; make uninstall"
	@echo "make deb         the same as a Debian package in out/; make test-deb tries it on a bare Debian"
	@echo "make test-python the Python package against a daemon (needs PyPI)"
	@echo "make test-ray    riff.ray on a cluster of three nodes, one of which is killed (needs PyPI)"
	@echo "make riff-grpc   standard gRPC in front of the daemon; make test-grpc tries it with grpcio (needs PyPI)"
	@echo "make test-web    the page in a real Chromium (TESTS=test_page.PageTest.test_queue for some)"
	@echo "make soak-web    a jam with the page open, MINUTES=30: underruns, memory"
	@echo "make bench       time the jobs (BENCH=\"unet --runs 3\" for something else)"
	@echo "make lint        the formatter's rules; generated code is of the protocol's sources"
	@echo "make clean       forget all builds"

build: packages
	$(SWIFT_BUILD) --product riffd
	$(SWIFT_BUILD) --product riff
	$(SWIFT_BUILD) --product riff-web

demo: build
	@Scripts/demo.sh "$$($(SWIFT_BUILD) --show-bin-path)" "$(PROMPT)" out/demo.opus

test: packages test-packages
	$(SWIFT_BUILD) --build-tests
	swift test -c release --skip-build --no-parallel

# riffd and both clients against Protocol/framing.md.
conform: build test-packages
	Scripts/conform.sh "$$($(SWIFT_BUILD) --show-bin-path)" out

# The libraries' documentation: no public symbol without a comment, no dead link, no example that does not compile.
docs: build
	@Scripts/install-packages.sh python3
	@Scripts/docs.py "$$($(SWIFT_BUILD) --show-bin-path)" out/docs

# Every command of README and docs/, but those in blocks marked as not run.
readme-check: build test-packages
	Scripts/readme-check.py "$$($(SWIFT_BUILD) --show-bin-path)"

# Load, lost clients, full disks, no descriptors, signals at every stage: what the tests do once, for MINUTES.
soak: build test-packages
	Tests/soak/soak.py "$$($(SWIFT_BUILD) --show-bin-path)" --minutes $(or $(MINUTES),60)

test-python: build
	@Scripts/install-packages.sh python3-venv ffmpeg
	@Scripts/test-python.sh "$$($(SWIFT_BUILD) --show-bin-path)" out/venv

# riff.ray on a cluster of three nodes, one of which is killed.
.PHONY: test-ray
test-ray: build
	@Scripts/install-packages.sh python3-venv
	@Scripts/test-ray.sh "$$($(SWIFT_BUILD) --show-bin-path)" out/venv-ray

# Who gets in, and the page as a person uses it.
test-web: build
	@Scripts/install-packages.sh $(WEB_PACKAGES)
	@Scripts/test-web.sh "$$($(SWIFT_BUILD) --show-bin-path)" $(TESTS)

# A jam with the page open for MINUTES: underruns, memory.
.PHONY: soak-web
soak-web: build
	@Scripts/install-packages.sh $(WEB_PACKAGES)
	@RIFF_PROGRAMS="$$($(SWIFT_BUILD) --show-bin-path)" PYTHONPATH=Tests/web PYTHONDONTWRITEBYTECODE=1 \
	  python3 Tests/web/soak.py $(or $(MINUTES),30)

# Each reader of what comes from outside, under libFuzzer with the address sanitizer: SECONDS a target, or INPUTS if
# those are fewer.
fuzz: packages
	RIFF_FUZZ=1 swift build -c release --scratch-path .build-fuzz --product riff-fuzz
	FUZZ_INPUTS=$(INPUTS) Scripts/fuzz.sh .build-fuzz/release/riff-fuzz out/fuzz $(or $(SECONDS),10) $(TARGETS)

# Each fallible call of each kind of job fails once in turn, EACH=3 of a kind and job.
torture: build test-packages
	@mkdir -p out
	clang -O1 -Wall -shared -fPIC -o out/failing.so Tests/torture/failing.c
	Tests/torture/torture.py "$$($(SWIFT_BUILD) --show-bin-path)/riffd" out/failing.so $(if $(EACH),--each $(EACH))

# Standard gRPC in front of the daemon. HTTP/2 takes long to build, so no other target builds it.
riff-grpc: packages
	RIFF_GRPC=1 $(SWIFT_BUILD) --product riff-grpc

# riff-grpc as Python's grpcio sees it.
test-grpc: build riff-grpc
	@Scripts/install-packages.sh python3-venv
	@Scripts/test-grpc.sh "$$($(SWIFT_BUILD) --show-bin-path)" out/venv-grpc

# Errors that are planted must be found first.
sanitize: sanitize-thread sanitize-address

# The jobs and the transport.
sanitize-thread: packages test-packages
	RIFF_SANITIZE=thread swift build -c release --sanitize=thread --scratch-path .build-tsan --build-tests
	Scripts/sanitize.sh thread .build-tsan

# All tests and the programs that they start, and C's undefined behaviour. FILTER="AudioIOTests" for some.
sanitize-address: packages test-packages
	RIFF_SANITIZE=address swift build -c release --sanitize=address --scratch-path .build-asan --build-tests
	Scripts/sanitize.sh address .build-asan $(FILTER)

bench: packages
	$(SWIFT_BUILD) --product riff-bench
	"$(BENCH_PROGRAM)" $(or $(BENCH),jobs)
	$(if $(BENCH),,"$(BENCH_PROGRAM)" recovery)

# GRPC=1: with riff-grpc.
stage: build $(if $(GRPC),riff-grpc)
	@Scripts/install-packages.sh binutils
	$(SWIFT_BUILD) --product generate-manual
	@Scripts/stage.sh "$$($(SWIFT_BUILD) --show-bin-path)" out/tree riff riffd riff-web $(if $(GRPC),riff-grpc)

install: stage
	@Scripts/install.sh out/tree "$(DESTDIR)$(PREFIX)" "$(PREFIX)"
	@echo "Installed in $(DESTDIR)$(PREFIX). Now:  riff generate \"church bells\" | mpv -    (make uninstall takes it away)"

uninstall:
	@Scripts/install.sh --uninstall "$(DESTDIR)$(PREFIX)"

deb: stage
	@Scripts/install-packages.sh $(DEB_PACKAGES)
	@Scripts/deb.sh out/tree out/tree/bin/riff out
	@lintian --allow-root --fail-on error,warning out/riffd_*.deb

test-deb: deb
	@Scripts/install-packages.sh $(BARE_PACKAGES)
	@Scripts/test-deb.sh out/riffd_*.deb

lint:
	@Protocol/check-generated.sh
	@python3 Clients/python/generate_messages.py --check
	swift format lint --strict --recursive Package.swift Sources Tests Clients Benchmarks Fuzz

packages:
	@Scripts/install-packages.sh $(BUILD_PACKAGES)

test-packages:
	@Scripts/install-packages.sh $(TEST_PACKAGES)

clean:
	rm -rf .build .build-* out
