// swift-tools-version: 6.2
import PackageDescription

// Vector kernels want all that the compiler has; `-O3` after SwiftPM's own `-O2` wins. Products and sums are
// fused but where a kernel says that a result must not depend on it.
let kernelSettings: [CSetting] = [
  .unsafeFlags(["-O3", "-ffp-contract=fast-honor-pragmas", "-fno-math-errno"])
]

// `make sanitize`: locks that the thread sanitizer knows, in the place of the standard library's.
let isTraced = Context.environment["RIFF_SANITIZE"] == "thread"

let swiftSettings: [SwiftSetting] =
  [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
  ] + (isTraced ? [] : [.enableUpcomingFeature("MemberImportVisibility")])

// Executables carry the Swift runtime, so that they run where no toolchain is. The two libraries are ones
// that a static FoundationEssentials needs and objects compiled for a dynamic one do not name. Not with the address
// sanitizer: linked so, a program hides its sanitizer's malloc from the libraries, which go on with the C library's.
let staticRuntime: [LinkerSetting] =
  Context.environment["RIFF_SANITIZE"] == "address"
  ? []
  : [
    .unsafeFlags(["-static-stdlib"], .when(platforms: [.linux])),
    .linkedLibrary("_FoundationCollections", .when(platforms: [.linux])),
    .linkedLibrary("_FoundationCShims", .when(platforms: [.linux])),
  ]

let grpcCore = Target.Dependency.product(name: "GRPCCore", package: "grpc-swift-2")
let grpcProtobuf = Target.Dependency.product(name: "GRPCProtobuf", package: "grpc-swift-protobuf")
let swiftProtobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "riffd",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "riffd", targets: ["riffd"]),
    .executable(name: "riff", targets: ["RiffCLI"]),
    .executable(name: "riff-web", targets: ["RiffWeb"]),
    .executable(name: "riff-bench", targets: ["RiffBench"]),
    .library(name: "RiffProtocol", targets: ["RiffProtocol"]),
    .library(name: "FramedTransport", targets: ["FramedTransport"]),
  ],
  dependencies: [
    .package(url: "https://github.com/grpc/grpc-swift-2.git", from: "2.4.3"),
    .package(url: "https://github.com/grpc/grpc-swift-protobuf.git", from: "2.4.1"),
    .package(url: "https://github.com/apple/swift-protobuf.git", from: "1.39.0", traits: []),
    .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
    .package(
      url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
  ],
  targets: [
    .systemLibrary(name: "CMalloc"),

    // The machine's cores, and whose turn it is.
    .target(name: "CCores"),
    .target(name: "Cores", dependencies: ["CCores"], swiftSettings: swiftSettings),

    // Pixels.
    .target(name: "Raster", swiftSettings: swiftSettings),

    // Audio <-> mel spectrogram <-> PNG, phase recovery.
    .systemLibrary(name: "CFFTW", pkgConfig: "fftw3f", providers: [.apt(["libfftw3-dev"])]),
    .systemLibrary(name: "CLibPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .target(name: "CPNGCodec", dependencies: ["CLibPNG"]),
    .systemLibrary(
      name: "CLibJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg62-turbo-dev"])]),
    .target(name: "CJPEGCodec", dependencies: ["CLibJPEG"]),
    .target(name: "CSpectrogramKernels", cSettings: kernelSettings),
    .target(
      name: "Spectrogram",
      dependencies: ["Cores", "Raster", "CFFTW", "CPNGCodec", "CJPEGCodec", "CSpectrogramKernels"],
      swiftSettings: swiftSettings
    ),

    // Uploads in, Ogg Opus out.
    .systemLibrary(name: "CSndFile", pkgConfig: "sndfile", providers: [.apt(["libsndfile1-dev"])]),
    .systemLibrary(name: "CMPG123", pkgConfig: "libmpg123", providers: [.apt(["libmpg123-dev"])]),
    .systemLibrary(name: "CFLAC", pkgConfig: "flac", providers: [.apt(["libflac-dev"])]),
    .systemLibrary(name: "CSoxr", pkgConfig: "soxr", providers: [.apt(["libsoxr-dev"])]),
    .systemLibrary(
      name: "COgg", pkgConfig: "opusfile",
      providers: [.apt(["libogg-dev", "libopusfile-dev", "libvorbis-dev"])]),
    .systemLibrary(name: "COpus", pkgConfig: "opus", providers: [.apt(["libopus-dev"])]),
    .target(name: "COpusControl", dependencies: ["COpus"]),
    .target(name: "CSoundTouch", linkerSettings: [.linkedLibrary("SoundTouch")]),
    .target(
      name: "AudioIO",
      dependencies: [
        "CSndFile", "CMPG123", "CFLAC", "CSoxr", "COgg", "COpus",
        "COpusControl", "CSoundTouch",
      ],
      swiftSettings: swiftSettings
    ),

    // What files say of how they were made; how files are told apart.
    .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
    .target(name: "Provenance", dependencies: ["CXXHash"], swiftSettings: swiftSettings),

    // Checkpoint -> picture.
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .target(name: "CDiffusionKernels", cSettings: kernelSettings),
    .target(name: "CCLIPVocabulary", exclude: ["LICENSE", "merges.txt"]),
    .target(
      name: "Diffusion",
      dependencies: [
        "Cores", "Raster", "COpenBLAS", "CDiffusionKernels", "CCLIPVocabulary", "Provenance",
      ],
      swiftSettings: swiftSettings
    ),

    // The jobs.
    .target(
      name: "Riff",
      dependencies: [
        "Cores", "Spectrogram", "AudioIO", "Diffusion", "Provenance", "CSpectrogramKernels",
        coreMetrics,
      ],
      swiftSettings: swiftSettings
    ),

    // The wire.
    .target(
      name: "RiffProtocol",
      dependencies: [grpcCore, grpcProtobuf, swiftProtobuf],
      swiftSettings: [.swiftLanguageMode(.v6)]
    ),
    .target(name: "CUnixPeer"),
    .target(
      name: "FramedTransport",
      dependencies: [
        "CUnixPeer", grpcCore, swiftProtobuf,
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: swiftSettings
    ),

    // The service: requests to jobs and back, over any transport.
    .target(
      name: "RiffServing",
      dependencies: [
        "Riff", "RiffProtocol", "AudioIO", "Provenance", "Spectrogram", grpcCore, grpcProtobuf,
        swiftProtobuf,
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: swiftSettings
    ),

    // The user's config.yaml, which the daemon and its clients read.
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .target(name: "Configuration", dependencies: ["CYAML"], swiftSettings: swiftSettings),

    // The programs.
    .executableTarget(
      name: "riffd",
      dependencies: [
        "RiffServing", "Riff", "FramedTransport", "RiffProtocol", "Configuration", "CMalloc",
        grpcCore,
        argumentParser, coreMetrics,
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      swiftSettings: swiftSettings,
      linkerSettings: staticRuntime
    ),
    .systemLibrary(
      name: "CFreeType", pkgConfig: "freetype2", providers: [.apt(["libfreetype-dev"])]),
    .executableTarget(
      name: "RiffCLI",
      dependencies: [
        "RiffProtocol", "FramedTransport", "Configuration", "AudioIO", "Provenance", "Spectrogram",
        "CFreeType", grpcCore, grpcProtobuf, swiftProtobuf, argumentParser,
      ],
      path: "Clients/riff",
      swiftSettings: swiftSettings,
      linkerSettings: staticRuntime
    ),
    .executableTarget(
      name: "RiffWeb",
      dependencies: [
        "RiffProtocol", "FramedTransport", "AudioIO", "Provenance", grpcCore, grpcProtobuf,
        swiftProtobuf, argumentParser,
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      path: "Clients/riff-web",
      exclude: ["page"],
      swiftSettings: swiftSettings,
      linkerSettings: staticRuntime
    ),
    .executableTarget(
      name: "RiffBench",
      dependencies: [
        "Riff", "AudioIO", "Cores", "Diffusion", "Spectrogram", "COpenBLAS", argumentParser,
      ],
      path: "Benchmarks/RiffBench",
      swiftSettings: swiftSettings),

    .testTarget(
      name: "CoresTests", dependencies: ["Cores"], swiftSettings: swiftSettings),
    .testTarget(
      name: "SpectrogramTests", dependencies: ["Spectrogram", "CSpectrogramKernels"],
      exclude: ["Fixtures"], swiftSettings: swiftSettings),
    .testTarget(
      name: "AudioIOTests", dependencies: ["AudioIO"], swiftSettings: swiftSettings),
    .testTarget(
      name: "ProvenanceTests", dependencies: ["Provenance"], swiftSettings: swiftSettings),
    .testTarget(
      name: "DiffusionTests", dependencies: ["Diffusion"], exclude: ["Fixtures"],
      swiftSettings: swiftSettings),
    .target(
      name: "ConversationAudit",
      dependencies: ["FramedTransport", grpcCore, .product(name: "NIOCore", package: "swift-nio")],
      path: "Tests/ConversationAudit",
      swiftSettings: swiftSettings),
    .testTarget(
      name: "FramedTransportTests",
      dependencies: [
        "FramedTransport", "ConversationAudit", grpcCore,
        .product(name: "NIOCore", package: "swift-nio"),
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "RiffTests", dependencies: ["Riff", "Cores", "AudioIO", "Spectrogram"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "RiffdTests",
      dependencies: ["RiffProtocol", "FramedTransport", grpcCore, grpcProtobuf, swiftProtobuf],
      exclude: ["Fixtures"], swiftSettings: swiftSettings),
  ]
)

// `make riff-grpc`: standard gRPC in front of the daemon. HTTP/2 is large, so nothing else builds it. Of the
// transport's products this one carries its core without TLS (BoringSSL, certificates), which a Unix
// socket does not need.
if Context.environment["RIFF_GRPC"] != nil {
  package.dependencies += [
    .package(url: "https://github.com/grpc/grpc-swift-nio-transport.git", from: "2.9.2"),
    .package(url: "https://github.com/apple/swift-nio-http2.git", from: "1.46.0"),
  ]
  package.targets.append(
    .executableTarget(
      name: "RiffGRPC",
      dependencies: [
        "FramedTransport", "RiffProtocol", grpcCore, swiftProtobuf, argumentParser,
        .product(
          name: "GRPCNIOTransportHTTP2TransportServices", package: "grpc-swift-nio-transport"),
        .product(name: "NIOHTTP2", package: "swift-nio-http2"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      path: "Clients/riff-grpc",
      exclude: ["Protos"],
      swiftSettings: swiftSettings,
      linkerSettings: staticRuntime))
  package.products.append(.executable(name: "riff-grpc", targets: ["RiffGRPC"]))
}

// `make fuzz`: the fuzzer, and the readers of what comes from outside instrumented for it; not the vector
// kernels, which no such reader calls. Nothing else builds them.
if Context.environment["RIFF_FUZZ"] != nil {
  for target in package.targets {
    switch target.name {
    case "FramedTransport", "Spectrogram", "AudioIO", "Diffusion", "Riff", "ConversationAudit":
      target.swiftSettings =
        (target.swiftSettings ?? []) + [
          .unsafeFlags(["-sanitize=address,fuzzer"])
        ]
    case "CPNGCodec", "CJPEGCodec":
      target.cSettings = [.unsafeFlags(["-fsanitize=address,fuzzer-no-link"])]
    default: break
    }
  }
  package.targets += [
    .target(name: "CLibFuzzer", path: "Fuzz/CLibFuzzer"),
    .executableTarget(
      name: "RiffFuzz",
      dependencies: [
        "FramedTransport", "ConversationAudit", "Spectrogram", "AudioIO", "Diffusion", "Riff",
        "CLibFuzzer", grpcCore,
        .product(name: "NIOCore", package: "swift-nio"),
      ],
      path: "Fuzz/RiffFuzz",
      swiftSettings: swiftSettings + [.unsafeFlags(["-sanitize=address,fuzzer"])],
      linkerSettings: [.unsafeFlags(["-sanitize=address,fuzzer", "-use-ld=lld"])]),
  ]
  package.products.append(.executable(name: "riff-fuzz", targets: ["RiffFuzz"]))
}

if isTraced {
  for target in package.targets {
    switch target.name {
    case "AudioIO", "Cores", "Diffusion", "FramedTransport", "Riff", "Spectrogram",
      "CoresTests", "FramedTransportTests", "RiffTests":
      target.dependencies.append("TracedLocks")
      target.swiftSettings = (target.swiftSettings ?? []) + [.define("SANITIZE_THREAD")]
    default: break
    }
  }
  package.targets.append(.target(name: "TracedLocks", swiftSettings: swiftSettings))
}

// `make sanitize`: C is watched for undefined behaviour as well; the address sanitizer's runtime tells of it. That of
// C++'s virtual tables has a runtime of its own, which Swift's driver does not link.
if Context.environment["RIFF_SANITIZE"] == "address" {
  let watched = [
    "-fsanitize=address,undefined", "-fno-sanitize=vptr", "-fno-sanitize-recover=undefined",
  ]
  for target in package.targets where target.isOfC {
    target.cSettings = (target.cSettings ?? []) + [.unsafeFlags(watched)]
    target.cxxSettings = [.unsafeFlags(watched)]
  }
}

// `.ci/run`: warnings of our own targets are errors. Only there: a later compiler may warn of more, and that must keep
// nobody from building.
if Context.environment["RIFF_WARNINGS"] == "error" {
  for target in package.targets {
    switch target.type {
    case .regular where target.isOfC:
      target.cSettings =
        (target.cSettings ?? []) + [
          .enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error),
        ]
      target.cxxSettings =
        (target.cxxSettings ?? []) + [
          .enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error),
        ]
    case .regular, .executable, .test:
      target.swiftSettings = (target.swiftSettings ?? []) + [.treatAllWarnings(as: .error)]
    default: break
    }
  }
}

extension Target {
  /// Whether its sources are C or C++: its name is that of a module for Swift, such as CCores.
  var isOfC: Bool {
    self.type == .regular && self.name.hasPrefix("C")
      && self.name.dropFirst().first?.isUppercase == true
  }
}
