# riffd: make demo | test | bench | install. Each installs what is missing from Debian's packages.

# Debian's packages, named here and nowhere else.
BUILD_PACKAGES = pkg-config libfftw3-dev libpng-dev libjpeg62-turbo-dev libsndfile1-dev \
                 libmpg123-dev libsoxr-dev libopus-dev libogg-dev libopenblas-dev
# Outside witnesses that the tests ask.
TEST_PACKAGES  = ffmpeg opus-tools python3 python3-pil

SWIFT_BUILD = swift build -c release
BENCH_PROGRAM = $$($(SWIFT_BUILD) --show-bin-path)/riff-bench
PREFIX     ?= /usr/local
PROMPT     ?= funk bassline with a jazzy saxophone solo

.PHONY: demo test bench install lint packages test-packages clean

demo: packages
	$(SWIFT_BUILD) --product riffd
	$(SWIFT_BUILD) --product riff
	@Scripts/demo.sh "$$($(SWIFT_BUILD) --show-bin-path)" "$(PROMPT)" out/demo.opus

test: packages test-packages
	$(SWIFT_BUILD) --build-tests
	swift test -c release --skip-build --no-parallel

bench: packages
	$(SWIFT_BUILD) --product riff-bench
	"$(BENCH_PROGRAM)" $(or $(BENCH),jobs)
	$(if $(BENCH),,"$(BENCH_PROGRAM)" recovery)

install: packages
	$(SWIFT_BUILD) --static-swift-stdlib --scratch-path .build-install --product riffd
	$(SWIFT_BUILD) --static-swift-stdlib --scratch-path .build-install --product riff
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/share/riffd/models"
	install -m 755 .build-install/release/riffd .build-install/release/riff "$(DESTDIR)$(PREFIX)/bin"
	cp -R Models/. "$(DESTDIR)$(PREFIX)/share/riffd/models"

lint:
	swift format lint --strict --recursive Package.swift Sources Tests Clients Benchmarks

packages:
	@Scripts/install-packages.sh $(BUILD_PACKAGES)

test-packages:
	@Scripts/install-packages.sh $(TEST_PACKAGES)

clean:
	rm -rf .build .build-install .build-plugins out
