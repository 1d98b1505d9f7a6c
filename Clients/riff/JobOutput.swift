import GRPCCore
import Provenance
import RiffProtocol

/// Takes a job's events: sound and picture to their destination, progress to the terminal.
struct JobOutput {
  private let destination: Destination
  private var file: OutputFile?
  private var progress = ProgressLine()
  private var done: Riff_V1_Done?
  private let quiet: Bool
  private let like: Recipe?
  private var drawsNoise = false

  /// - Parameters:
  ///   - quiet: Whether only warnings are said.
  ///   - like: How the file was made that this one is to equal.
  /// - Throws: ``Failure`` when the destination cannot be written to.
  init(_ destination: Destination, quiet: Bool = false, like: Recipe? = nil) throws {
    self.destination = destination
    self.quiet = quiet
    self.like = like
    switch destination {
    case .standardOutput: self.file = nil
    case .opus(let path), .picture(let path): self.file = try OutputFile(path: path)
    case .wav(let path, _):
      let file = try OutputFile(path: path)
      // What it says is not known yet; `finish` writes the header.
      try file.write([UInt8](repeating: 0, count: WAVHeader.size))
      self.file = file
    }
  }

  mutating func take(_ event: Riff_V1_JobEvent) throws {
    switch event.event {
    case .progress(let progress):
      if !self.quiet { self.progress.show(progress) }
    case .warning(let message):
      self.progress.clear()
      Terminal.standardError.write("riff: warning: \(message)\n")
    case .audio(let data):
      if case .picture = self.destination { break }
      try self.write(Array(data))
    case .spectrogram(let data):
      if case .picture = self.destination { try self.write(Array(data)) }
    case .done(let done): self.done = done
    case .started(let started): self.begin(started)
    case nil: break
    }
  }

  /// Says the seed at once where sound goes to a pipe: it may be heard, and liked, before it ends.
  private mutating func begin(_ started: Riff_V1_Started) {
    self.drawsNoise = !started.model.isEmpty
    if !self.quiet, self.file == nil, self.drawsNoise {
      self.progress.clear()
      Terminal.standardError.write("riff: seed \(started.seed)\n")
    }
    guard let like else { return }
    let settings = Recipe(started.settings.map { Setting($0.name, $0.value) })
    // What decides about bytes besides the request.
    for (name, what) in [
      ("version", "the program"), ("model_fingerprint", "the model"),
      ("precision", "the precision"),
      ("threads", "the number of threads"),
    ] {
      guard let before = like[name], let now = settings[name], before != now else { continue }
      self.progress.clear()
      Terminal.standardError.write(
        "riff: warning: \(what) was \(before) and is \(now), so the result may differ\n")
    }
  }

  /// Completes the file and tells what was made.
  mutating func finish() throws {
    self.progress.clear()
    guard let done = self.done else {
      throw Failure(message: "the daemon ended the job without saying it was done")
    }
    if case .wav(let path, let format) = self.destination, let file = self.file {
      guard
        let header = WAVHeader(
          format: format, channels: done.channels, sampleCount: done.durationSamples)
      else {
        throw Failure(message: "\(path): too long for a WAV file; use .opus")
      }
      if header.isPadded { try file.write([0]) }
      try file.overwriteStart(header.bytes)
    }
    try self.file?.commit()
    self.report(done)
  }

  private func write(_ bytes: [UInt8]) throws {
    if let file = self.file {
      try file.write(bytes)
    } else {
      try Terminal.standardOutput.write(bytes)
    }
  }

  private func report(_ done: Riff_V1_Done) {
    guard !self.quiet, let path = self.file?.path else { return }
    var line = path
    if done.durationSamples > 0 {
      line += ": \(ProgressLine.seconds(Double(done.durationSamples) / 48_000)) s"
    }
    let times = done.timings.filter { $0.seconds >= 0.05 }.map {
      "\(Self.name($0.stage)) \(ProgressLine.seconds($0.seconds)) s"
    }
    if !times.isEmpty { line += " (\(times.joined(separator: ", ")))" }
    if self.drawsNoise { line += ", seed \(done.seed)" }
    Terminal.standardError.write(line + "\n")
  }

  private static func name(_ stage: Riff_V1_Stage) -> String {
    switch stage {
    case .queued: "waiting"
    case .loading: "loading"
    case .encoding: "encoding"
    case .denoising: "painting"
    case .decoding: "decoding"
    case .sound: "sound"
    case .unspecified, .UNRECOGNIZED: "other"
    }
  }
}
