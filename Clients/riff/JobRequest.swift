import GRPCCore
import RiffProtocol
import SwiftProtobuf

/// A job that makes a sound or a picture: what its call begins with, before the upload.
enum JobRequest: Sendable, Equatable {
  case generate(Riff_V1_GenerateRequest)
  case remix(Riff_V1_RemixOptions)
  case morph(Riff_V1_MorphOptions)
  case render(Riff_V1_RenderOptions)

  /// Whether it has a seed to choose.
  var drawsNoise: Bool {
    if case .render = self { false } else { true }
  }

  /// Whether it asks for the spectrogram.
  var wantsSpectrogram: Bool {
    switch self {
    case .generate(let request): request.wantSpectrogram
    case .remix(let options): options.generate.wantSpectrogram
    case .morph(let options): options.generate.wantSpectrogram
    case .render: false
    }
  }

  /// Why it cannot be written as a picture; nil where it can.
  var isSoundOnly: String? {
    switch self {
    case .remix(let options) where options.hasExtendSeconds: "a clip that goes on is sound"
    case .remix(let options) where options.hasSpan: "a remix of a whole clip is sound"
    case .morph(let options) where !options.hasAlpha:
      "a morph of several clips is sound, not one picture"
    case .render: "a rendered picture is sound"
    case .generate, .remix, .morph: nil
    }
  }

  /// Notes the upload's name: that of the file which the made one tells of, if it is the same.
  ///
  /// - Throws: ``Failure`` when the file cannot be read.
  mutating func name(upload path: String, like made: MadeFile?) throws {
    let name = try made?.fileName(of: path) ?? FileName.last(path)
    switch self {
    case .generate: break
    case .remix(var options):
      options.fileName = name
      self = .remix(options)
    case .morph(var options):
      options.fileName = name
      self = .morph(options)
    case .render(var options):
      options.fileName = name
      self = .render(options)
    }
  }

  /// The name, without extension, of a file that the user does not name.
  ///
  /// - Parameter source: What is uploaded.
  func stem(source: String?) -> String {
    switch self {
    case .generate(let request): FileName.stem(prompt: request.prompt)
    case .remix(let options): FileName.stem(prompt: options.generate.prompt)
    case .morph(let options):
      FileName.stem(prompt: "\(options.from.prompt) to \(options.to.prompt)")
    case .render: FileName.stem(path: source ?? "-")
    }
  }

  /// Changes what the kinds with a model have in common.
  mutating func change(_ body: (inout Riff_V1_GenerateRequest) throws -> Void) rethrows {
    switch self {
    case .generate(var request):
      try body(&request)
      self = .generate(request)
    case .remix(var options):
      try body(&options.generate)
      self = .remix(options)
    case .morph(var options):
      try body(&options.generate)
      self = .morph(options)
    case .render: break
    }
  }

  /// Draws a first seed where there is none, for takes whose seeds follow each other.
  ///
  /// - Parameter random: What is drawn; nil: at random.
  /// - Throws: ``Failure`` where there are not so many seeds, or the job has none.
  mutating func fixSeed(takes: Int, random: UInt64? = nil) throws {
    guard self.drawsNoise else {
      throw Failure.usage("--count makes takes with other seeds, and a rendered picture has none")
    }
    let drawn = random ?? UInt64.random(in: 0...UInt64(UInt32.max) - UInt64(takes))
    var largest = UInt64.min
    if case .morph(var options) = self {
      if !options.from.hasSeed { options.from.seed = drawn }
      if !options.to.hasSeed { options.to.seed = options.from.seed }
      largest = max(options.from.seed, options.to.seed)
      self = .morph(options)
    } else {
      self.change {
        if !$0.hasSeed { $0.seed = drawn }
        largest = $0.seed
      }
    }
    let last = UInt64.max - UInt64(takes - 1)
    guard largest <= last else {
      throw Failure.usage("--seed must be at most \(last) for \(takes) takes")
    }
  }

  /// Take number `index`, from 0, of a request whose seed is fixed.
  func take(_ index: Int) -> JobRequest {
    guard index > 0 else { return self }
    var other = self
    if case .morph(var options) = other {
      options.from.seed += UInt64(index)
      options.to.seed += UInt64(index)
      other = .morph(options)
    } else {
      other.change { $0.seed += UInt64(index) }
    }
    return other
  }

  /// Makes the call.
  ///
  /// - Parameters:
  ///   - pieces: The upload's, if the job has one.
  ///   - take: Takes the answer.
  func send(
    to daemon: DaemonConnection.Client, _ pieces: @escaping SoundUpload.Pieces,
    _ take:
      @escaping @Sendable (StreamingClientResponse<Riff_V1_JobEvent>) async throws -> Void
  ) async throws {
    switch self {
    case .generate(let request): try await daemon.generate(request, onResponse: take)
    case .remix(let options):
      try await daemon.remix(
        requestProducer: { writer in
          try await writer.write(.with { $0.options = options })
          while let piece = try await pieces() {
            try await writer.write(.with { $0.chunk = piece })
          }
        }, onResponse: take)
    case .morph(let options):
      try await daemon.morph(
        requestProducer: { writer in
          try await writer.write(.with { $0.options = options })
          while let piece = try await pieces() {
            try await writer.write(.with { $0.chunk = piece })
          }
        }, onResponse: take)
    case .render(let options):
      try await daemon.render(
        requestProducer: { writer in
          try await writer.write(.with { $0.options = options })
          while let piece = try await pieces() {
            try await writer.write(.with { $0.chunk = piece })
          }
        }, onResponse: take)
    }
  }
}

extension Riff_V1_RemixOptions {
  /// Where in the clip to begin: the window, or the span if there is one.
  mutating func begin(at seconds: Double) {
    if self.hasSpan { self.span.startSeconds = seconds } else { self.startSeconds = seconds }
  }

  /// How much is made: of a span's clip, else of sound.
  mutating func last(_ seconds: Double) {
    if self.hasSpan {
      self.span.durationSeconds = seconds
    } else {
      self.generate.clearWidth()
      self.generate.durationSeconds = seconds
    }
  }
}

extension Riff {
  /// Makes a job's sound or picture: sends the request and the upload, and saves what comes. Where the terminal
  /// shows pictures, the spectrogram is asked for as well; nobody has asked for that, so where it cannot be had
  /// the job is made without it.
  ///
  /// - Parameter name: What the upload is called in messages.
  func make(
    _ request: JobRequest, from file: InputFile?, named name: String?,
    to destination: Destination, _ output: JobOutput, _ options: ConnectionOptions
  ) async throws {
    func make(_ request: JobRequest, from file: InputFile?) async throws {
      func call(_ pieces: @escaping SoundUpload.Pieces) async throws {
        try await self.connect(
          options, file: name, usesStandardOutput: destination.usesStandardOutput
        ) { daemon in
          try await output.open()
          try await request.send(to: daemon, pieces) { try await output.save($0) }
        }
      }
      guard let file else { return try await call { nil } }
      try await SoundUpload.send(file, call)
    }
    guard output.shown != .no, !request.wantsSpectrogram else {
      return try await make(request, from: file)
    }
    var shown = request
    shown.change { $0.wantSpectrogram = true }
    do {
      try await make(shown, from: file)
    } catch let failure as Failure where failure.refusesPicture && output.shown == .unasked {
      // What is kept of standard input is there as long as the file.
      defer { withExtendedLifetime(file) {} }
      try await make(request, from: file.map { try InputFile(path: $0.readablePath()) })
    }
  }
}
