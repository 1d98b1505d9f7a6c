/// Spectrogram parameters as riffusion keeps them in a picture's EXIF data: private tags 11000 to
/// 11080 in the first directory.
public struct SpectrogramEXIF: Sendable, Equatable {
  /// All but the last tag.
  public var parameters: SpectrogramParameters

  /// The largest mel amplitude, on the 16-bit scale; white stands for 0, black for this.
  public var maximum: Double

  /// Checks nothing: a ``SpectrogramPicture`` made with it does.
  public init(
    parameters: SpectrogramParameters, maximum: Double = SpectrogramParameters.defaultMaximum
  ) {
    self.parameters = parameters
    self.maximum = maximum
  }

  private enum Tag: UInt16, CaseIterable {
    case sampleRate = 11_000
    case stereo = 11_005
    case step = 11_010
    case window = 11_020
    case padded = 11_030
    case bins = 11_040
    case minFrequency = 11_050
    case maxFrequency = 11_060
    case power = 11_070
    case maximum = 11_080

    /// riffusion's name of it.
    var field: String {
      switch self {
      case .sampleRate: "SAMPLE_RATE"
      case .stereo: "STEREO"
      case .step: "STEP_SIZE_MS"
      case .window: "WINDOW_DURATION_MS"
      case .padded: "PADDED_DURATION_MS"
      case .bins: "NUM_FREQUENCIES"
      case .minFrequency: "MIN_FREQUENCY"
      case .maxFrequency: "MAX_FREQUENCY"
      case .power: "POWER_FOR_IMAGE"
      case .maximum: "MAX_VALUE"
      }
    }
  }

  /// Reads an eXIf payload, in either byte order and any numeric type. Tags that are missing take
  /// riffusion's defaults.
  ///
  /// Returns nil where there is none of riffusion's tags. Throws `invalidEXIF` or
  /// `invalidParameter`, naming the tag.
  public static func read(_ bytes: [UInt8]) throws(SpectrogramError) -> SpectrogramEXIF? {
    let directory = try TIFFDirectory(bytes)
    guard Tag.allCases.contains(where: { directory.contains($0.rawValue) }) else { return nil }
    var exif = SpectrogramEXIF(parameters: SpectrogramParameters())
    func whole(_ tag: Tag, _ value: inout Int) throws(SpectrogramError) {
      guard let number = try directory.number(tag.rawValue, field: tag.field) else { return }
      guard let whole = Int(exactly: number), whole.magnitude <= UInt32.max else {
        throw SpectrogramError(
          .invalidEXIF, field: tag.field,
          "EXIF tag \(tag.rawValue) (\(tag.field)) must be a whole number, not \(number)")
      }
      value = whole
    }
    try whole(.sampleRate, &exif.parameters.sampleRate)
    var stereo = 0
    try whole(.stereo, &stereo)
    exif.parameters.stereo = stereo != 0
    try whole(.step, &exif.parameters.stepMilliseconds)
    try whole(.window, &exif.parameters.windowMilliseconds)
    try whole(.padded, &exif.parameters.paddedMilliseconds)
    try whole(.bins, &exif.parameters.melBins)
    try whole(.minFrequency, &exif.parameters.minFrequency)
    try whole(.maxFrequency, &exif.parameters.maxFrequency)
    exif.parameters.power =
      try directory.number(Tag.power.rawValue, field: Tag.power.field) ?? exif.parameters.power
    exif.maximum =
      try directory.number(Tag.maximum.rawValue, field: Tag.maximum.field) ?? exif.maximum
    try exif.validate()
    return exif
  }

  func validate() throws(SpectrogramError) {
    try parameters.validate()
    // Above this, mel amplitudes of a picture would leave the range of single precision.
    guard maximum >= 0, maximum <= 1e12 else {
      throw SpectrogramError(
        .invalidParameter, field: Tag.maximum.field,
        "\(Tag.maximum.field) must be 0 to 1e12, not \(maximum)")
    }
  }

  /// The eXIf payload, byte for byte as Pillow writes it for riffusion: big endian, whole numbers
  /// in the shortest of SHORT and LONG, the others as DOUBLE.
  public var bytes: [UInt8] {
    enum Value {
      case whole(Int)
      case double(Double)
    }
    let values: [(Tag, Value)] = [
      (.sampleRate, .whole(parameters.sampleRate)),
      (.stereo, .whole(parameters.stereo ? 1 : 0)),
      (.step, .whole(parameters.stepMilliseconds)),
      (.window, .whole(parameters.windowMilliseconds)),
      (.padded, .whole(parameters.paddedMilliseconds)),
      (.bins, .whole(parameters.melBins)),
      (.minFrequency, .whole(parameters.minFrequency)),
      (.maxFrequency, .whole(parameters.maxFrequency)),
      (.power, .double(parameters.power)),
      (.maximum, .double(maximum)),
    ]
    var directory: [UInt8] = [0x4D, 0x4D, 0, 42, 0, 0, 0, 8]
    var heap: [UInt8] = []
    func append(_ value: UInt64, _ count: Int) {
      for place in (0..<count).reversed() {
        directory.append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(place))))
      }
    }
    append(UInt64(values.count), 2)
    let heapStart = 8 + 2 + 12 * values.count + 4
    for (tag, value) in values {
      append(UInt64(tag.rawValue), 2)
      switch value {
      case .whole(let number) where number < 65_536:
        append(3, 2)
        append(1, 4)
        // A SHORT stands in the first two bytes of its field.
        append(UInt64(clamping: number), 2)
        append(0, 2)
      case .whole(let number):
        append(4, 2)
        append(1, 4)
        append(UInt64(UInt32(clamping: number)), 4)
      case .double(let number):
        append(12, 2)
        append(1, 4)
        append(UInt64(heapStart + heap.count), 4)
        for place in (0..<8).reversed() {
          heap.append(UInt8(truncatingIfNeeded: number.bitPattern >> (8 * UInt64(place))))
        }
      }
    }
    append(0, 4)
    return directory + heap
  }
}
