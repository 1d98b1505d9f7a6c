#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
internal import Diffusion
internal import Provenance
public import Spectrogram

/// What a model's folder says beyond diffusers' files, in its `riff.json`: how its pictures map to
/// sound, and the settings that suit it. A folder without one is read as riffusion's own model.
public struct ModelCard: Sendable, Equatable, Decodable {
  /// How the model's pictures map to sound.
  public var spectrogram = SpectrogramParameters()
  /// Mel amplitude (16-bit scale) of the darkest pixel, above 0.
  public var maximum = SpectrogramParameters.defaultMaximum
  /// One line about the model.
  public var description = ""
  /// What requests that leave a setting open get.
  public var defaults = Defaults()
  /// What the model is computed in, unless the daemon was told otherwise. Unset: f32.
  public var precision: PrecisionChoice?
  /// What the numbers are that the model may be told besides words (`DiffusionRequest.timeIDs`), in
  /// order: riff's own are called `tempo` (beats a minute), `beat` (degrees into a beat at the first
  /// column) and `key` (1 to 12: C to B major, 13 to 24: C to B minor), and told where they are known; 0 is
  /// "not told". Empty: unnamed, and not told.
  public var timeIDs: [String] = []
  /// Widths that the model was trained on, in pixels; empty where the file does not say.
  public var trainedWidths: [Int] = []
  /// Warnings about ignored keys in the file, a sentence each.
  public var warnings: [String] = []
  /// Of the file; nil without one.
  var digest: Fingerprint?

  /// Settings for requests that leave them open.
  public struct Defaults: Sendable, Equatable, Decodable {
    /// Denoising steps. Unset: 50, as in diffusers' pipeline.
    public var steps: Int?
    /// A sampler's name, one of `SchedulerName`'s. Unset: the checkpoint's own.
    public var scheduler: String?
    /// Guidance scale. Unset: 7.5, as in diffusers' pipeline.
    public var guidanceScale: Double?
    /// Where guidance begins, as a share of the steps, 0 to 1, in what begins from noise alone; in what begins from a
    /// picture it does so at the first step. Unset: 0.
    public var guidanceStart: Double?
    /// Where it ends, above ``guidanceStart`` and at most 1. Unset: 1.
    public var guidanceStop: Double?
    /// Pixels. Unset: what the checkpoint's configuration says.
    public var width: Int?
    /// Pixels. Unset: what the checkpoint's configuration says.
    public var height: Int?
    /// Widest picture that may be asked for, in pixels. Unset: 4,096.
    public var maxWidth: Int?
    /// How far a remix of a clip as a whole paints it over, 0 to 1. Unset: 0.6.
    public var remixStrength: Double?

    /// All of them unset.
    public init() {}

    /// The sampler; nil: the checkpoint's own.
    var schedulerName: SchedulerName? { self.scheduler.flatMap(SchedulerName.init) }

    /// The steps with guidance.
    var guidanceInterval: GuidanceInterval {
      GuidanceInterval(start: self.guidanceStart ?? 0, stop: self.guidanceStop ?? 1)
    }

    private enum CodingKeys: String, CodingKey {
      case steps
      case scheduler
      case guidanceScale = "guidance_scale"
      case guidanceStart = "guidance_start"
      case guidanceStop = "guidance_stop"
      case width
      case height
      case maxWidth = "max_width"
      case remixStrength = "remix_strength"
    }
  }

  private enum CodingKeys: String, CodingKey {
    case spectrogram
    case description
    case defaults
    case precision
    case timeIDs = "time_ids"
    case trainedWidths = "trained_widths"
  }

  private enum SpectrogramKeys: String, CodingKey {
    case maximum
  }

  /// Any key at all.
  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  /// Every key that is read, and those for people, by the object that it stands in.
  private static let known: [String: Set<String>] = [
    "": [
      "spectrogram", "description", "defaults", "title", "license", "time_ids", "trained_widths",
      "checkpoint", "precision",
    ],
    "spectrogram": [
      "sample_rate", "stereo", "step_ms", "window_ms", "padded_ms", "mel_bins", "min_frequency",
      "max_frequency", "power", "maximum",
    ],
    "defaults": [
      "steps", "scheduler", "guidance_scale", "guidance_start", "guidance_stop", "width", "height",
      "max_width",
      "remix_strength",
    ],
  ]

  /// Keys that nobody reads, as in "defaults.stpes".
  private static func unknownKeys(_ decoder: any Decoder) throws -> [String] {
    let top = try decoder.container(keyedBy: Key.self)
    var unknown: [String] = []
    for key in top.allKeys.sorted(by: { $0.stringValue < $1.stringValue }) {
      // Its keys are the checkpoint reader's.
      if key.stringValue == "checkpoint" { continue }
      guard let known = Self.known[key.stringValue], !key.stringValue.isEmpty else {
        if Self.known[""]?.contains(key.stringValue) != true { unknown.append(key.stringValue) }
        continue
      }
      let names = try top.nestedContainer(keyedBy: Key.self, forKey: key).allKeys
        .map(\.stringValue)
      unknown += names.filter { !known.contains($0) }.sorted().map { "\(key.stringValue).\($0)" }
    }
    return unknown
  }

  /// riffusion's own: what a folder without `riff.json` is read as.
  public init() {}

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    if container.contains(.spectrogram) {
      self.spectrogram = try container.decode(SpectrogramParameters.self, forKey: .spectrogram)
      let nested = try container.nestedContainer(
        keyedBy: SpectrogramKeys.self, forKey: .spectrogram)
      self.maximum = try nested.decodeIfPresent(Double.self, forKey: .maximum) ?? self.maximum
    }
    self.description = try container.decodeIfPresent(String.self, forKey: .description) ?? ""
    self.defaults = try container.decodeIfPresent(Defaults.self, forKey: .defaults) ?? Defaults()
    self.timeIDs = try container.decodeIfPresent([String].self, forKey: .timeIDs) ?? []
    self.trainedWidths = try container.decodeIfPresent([Int].self, forKey: .trainedWidths) ?? []
    self.precision = try container.decodeIfPresent(PrecisionChoice.self, forKey: .precision)
    let unknown = try Self.unknownKeys(decoder)
    if !unknown.isEmpty {
      let shown = unknown.prefix(8).map { key in
        key.unicodeScalars.prefix(64).reduce(into: "") { $0 += $1.escaped(asASCII: true) }
      }
      let more = unknown.count > shown.count ? " and \(unknown.count - shown.count) more" : ""
      self.warnings = [
        "riff.json: unknown keys are ignored: \(shown.joined(separator: ", "))\(more)"
      ]
    }
  }

  /// Numbers besides words that are named, at most.
  private static let mostTimeIDs = 64

  /// Largest `riff.json` that is read, in bytes.
  static let sizeLimit = 1 << 20

  /// Reads `riff.json` in a model's folder, or `NAME.riff.json` beside its file `NAME.ckpt`; without one
  /// it is riffusion's settings.
  ///
  /// - Throws: ``JobError`` that names the file and what is wrong, of kind `failedPrecondition`, or
  ///   `resourceExhausted` where the machine has no descriptor or memory for it.
  package static func read(fromFolder directory: String) throws(JobError) -> ModelCard {
    let path = DiffusionModel.cardPath(of: directory)
    guard FileManager.default.fileExists(atPath: path) else { return ModelCard() }
    var card: ModelCard
    do {
      let data = try Self.contents(path)
      guard data.count <= Self.sizeLimit else {
        throw JobError(.failedPrecondition, "larger than \(Self.sizeLimit) bytes")
      }
      card = try JSONDecoder().decode(ModelCard.self, from: data)
      card.digest = data.withUnsafeBytes { Fingerprint(of: $0) }
      try card.spectrogram.validate()
    } catch let error as SpectrogramError {
      throw JobError(.failedPrecondition, "\(path): spectrogram.\(error)")
    } catch let error as JobError {
      throw JobError(error.kind, "\(path): \(error.message)")
    } catch {
      throw JobError(.failedPrecondition, "\(path) is not a model card: \(error)")
    }
    try card.validate(path)
    return card
  }

  /// The file's bytes, mapped, so that their number is known before memory is taken for them.
  private static func contents(_ path: String) throws(JobError) -> Data {
    while true {
      let failure: any Error
      do {
        return try Data(contentsOf: URL(filePath: path), options: .mappedIfSafe)
      } catch {
        failure = error
      }
      guard let reason = (failure as? CocoaError)?.underlying as? POSIXError else {
        throw JobError(.failedPrecondition, "it cannot be read: \(failure)")
      }
      // Foundation does not try again after a signal.
      if reason.code == .EINTR { continue }
      let isFull = [.EMFILE, .ENFILE, .ENOMEM].contains(reason.code)
      throw JobError(
        isFull ? .resourceExhausted : .failedPrecondition,
        "it cannot be read: \(String(cString: strerror(reason.code.rawValue)))")
    }
  }

  /// The model's ``timeIDs`` for `told`, numbers by name; those that are not told, or that nobody asks
  /// for, are 0. Empty for a model that names none.
  public func timeIDs(_ told: [String: Double]) -> [Double] {
    self.timeIDs.map { told[$0] ?? 0 }
  }

  private func validate(_ path: String) throws(JobError) {
    func check(_ field: String, _ value: Int?, _ range: ClosedRange<Int>) throws(JobError) {
      guard let value, !range.contains(value) else { return }
      throw JobError(
        .failedPrecondition,
        "\(path): defaults.\(field) must be \(range.lowerBound) to \(range.upperBound), "
          + "not \(value)")
    }
    // Written so that NaN fails.
    guard self.maximum > 0, self.maximum.isFinite else {
      throw JobError(
        .failedPrecondition, "\(path): spectrogram.maximum must be above 0, not \(self.maximum)")
    }
    try check("steps", self.defaults.steps, RequestLimits.steps)
    try check("width", self.defaults.width, RequestLimits.width)
    try check("height", self.defaults.height, RequestLimits.height)
    try check("max_width", self.defaults.maxWidth, RequestLimits.width)
    guard self.timeIDs.count <= Self.mostTimeIDs, Set(self.timeIDs).count == self.timeIDs.count
    else {
      throw JobError(
        .failedPrecondition,
        "\(path): time_ids must be at most \(Self.mostTimeIDs) names, each of them once")
    }
    guard self.trainedWidths.allSatisfy(RequestLimits.width.contains) else {
      throw JobError(
        .failedPrecondition,
        "\(path): trained_widths must be \(RequestLimits.width.lowerBound) to "
          + "\(RequestLimits.width.upperBound)")
    }
    if let scale = self.defaults.guidanceScale, !RequestLimits.guidanceScale.contains(scale) {
      throw JobError(
        .failedPrecondition, "\(path): defaults.guidance_scale must be 0 to 100, not \(scale)")
    }
    if let scheduler = self.defaults.scheduler, self.defaults.schedulerName == nil {
      throw JobError(
        .failedPrecondition,
        "\(path): defaults.scheduler must be one of \(SchedulerName.allNames), not “\(scheduler.prefix(100))”"
      )
    }
    let interval = self.defaults.guidanceInterval
    guard RequestLimits.guidanceShares.contains(interval.start), interval.stop > interval.start,
      RequestLimits.guidanceShares.contains(interval.stop)
    else {
      throw JobError(
        .failedPrecondition,
        "\(path): defaults.guidance_start and defaults.guidance_stop must be 0 to 1 and the second above "
          + "the first, not \(interval.start) and \(interval.stop)")
    }
    if let strength = self.defaults.remixStrength, !RequestLimits.strength.contains(strength) {
      throw JobError(
        .failedPrecondition, "\(path): defaults.remix_strength must be 0 to 1, not \(strength)")
    }
  }
}
