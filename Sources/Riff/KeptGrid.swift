import Diffusion
import Provenance
import Spectrogram

/// ``KeptParts`` on a model's latents: how much of each row and column stays.
struct KeptGrid {
  /// 0 or 1, the highest frequencies first.
  private let rows: [Float]
  /// In seconds from the beginning.
  private let times: [(start: Double, end: Double)]
  private let pattern: [Bool]
  private let beat: (first: Double, period: Double)?
  /// Seconds of a latent column, and columns of the picture that it stands for.
  private let latentSeconds: Double
  private let columnsPerLatent: Int
  /// To what the wishes were rounded, a sentence each.
  private(set) var warnings: [String] = []

  /// - Parameters:
  ///   - parameters: of the pictures, with their rows.
  ///   - beat: of the result, where beats are to stay.
  /// - Throws: ``JobError`` of kind `invalidArgument` where there are no clear beats.
  init(
    _ parts: KeptParts, parameters: SpectrogramParameters, info: DiffusionModelInfo,
    beat: BeatGrid?
  ) throws(JobError) {
    let count = parameters.melBins / info.heightMultiple
    var kept = [Float](repeating: 0, count: count)
    var warnings: [String] = []
    /// Rows of latents that lie below a frequency.
    func rows(below hertz: Double, _ field: String) -> Int {
      let bins = parameters.binsBelow(hertz)
      let rows = min(count, max(0, Int((bins / Double(info.heightMultiple)).rounded())))
      let rounded = parameters.frequency(aboveBins: rows * info.heightMultiple)
      warnings.append(
        "\(field): \(Self.text(hertz)) Hz was rounded to \(Self.text(rounded.rounded())) Hz, where "
          + "\(rows) of the model's \(count) rows of latents lie below")
      return rows
    }
    if let hertz = parts.belowHertz {
      for row in count - rows(below: hertz, "keep_below_hz")..<count { kept[row] = 1 }
    }
    if let hertz = parts.aboveHertz {
      for row in 0..<count - rows(below: hertz, "keep_above_hz") { kept[row] = 1 }
    }
    self.rows = kept
    times = parts.times.map { time in
      (time.startSeconds, time.startSeconds + (time.durationSeconds ?? .infinity))
    }
    pattern = parts.beats.map { $0 == "x" }
    self.beat = pattern.isEmpty ? nil : beat.map { (Self.firstBeat(of: $0), $0.period) }
    columnsPerLatent = info.widthMultiple
    latentSeconds = Double(info.widthMultiple * parameters.stepMilliseconds) / 1_000
    if !times.isEmpty || !pattern.isEmpty {
      let field =
        times.isEmpty ? "keep_beats" : pattern.isEmpty ? "keep_time" : "keep_time, keep_beats"
      warnings.append(
        "\(field): the model's latents last \(Self.text(latentSeconds)) s; where one lies partly inside, that "
          + "part of it stays")
    }
    if !pattern.isEmpty {
      guard let beat else {
        throw JobError(
          .invalidArgument(field: "keep_beats"),
          "keep_beats needs a clip with a clear beat, and none was found; use keep_time")
      }
      warnings.append(
        "keep_beats: the clip has \(Self.text((beat.bpm * 10).rounded() / 10)) beats a minute, the first "
          + "at \(Self.text((Self.firstBeat(of: beat) * 1_000).rounded() / 1_000)) s")
    }
    self.warnings = warnings
  }

  /// The time of the first beat. One that is found a little before the clip's beginning is the beat that it
  /// begins with.
  private static func firstBeat(of grid: BeatGrid) -> Double {
    grid.period - grid.first < 0.1 * grid.period ? grid.first - grid.period : grid.first
  }

  /// What of a window stays.
  ///
  /// - Parameters:
  ///   - first: the window's first column in the whole.
  ///   - width: its columns.
  ///   - base: what stays of it in any case.
  func mask(at first: Int, width: Int, over base: KeepMask?) -> KeepMask {
    let count = width / columnsPerLatent
    let columns = (0..<count).map { column -> Float in
      let start =
        (Double(first) / Double(columnsPerLatent) + Double(column)) * latentSeconds
      return Float(share(from: start, to: start + latentSeconds))
    }
    let before = base?.kept(rows: rows.count, columns: count)
    let levels = rows.indices.flatMap { row in
      (0..<count).map { column -> UInt8 in
        let kept = max(rows[row], columns[column], before?[row * count + column] ?? 0)
        return UInt8((255 * (1 - kept)).rounded())
      }
    }
    return KeepMask(
      width: count, height: rows.count, levels: levels, noising: base?.noising ?? .nextStep)
  }

  /// How much of a stretch of time stays, 0 to 1.
  private func share(from start: Double, to end: Double) -> Double {
    var parts: [(start: Double, end: Double)] = times
    if let beat {
      let first = max(0, Int(((start - beat.first) / beat.period).rounded(.down)))
      let last = max(first, Int(((end - beat.first) / beat.period).rounded(.up)))
      for number in first...last where pattern[number % pattern.count] {
        let place = beat.first + Double(number) * beat.period
        parts.append((place, place + beat.period))
      }
    }
    // Parts may overlap.
    var (sum, reached) = (0.0, start)
    for part in parts.sorted(by: { $0.start < $1.start }) {
      let from = max(reached, part.start)
      let to = min(end, part.end)
      guard to > from else { continue }
      sum += to - from
      reached = to
    }
    return min(1, sum / (end - start))
  }

  private static func text(_ number: Double) -> String {
    number == number.rounded() && abs(number) < 1e15 ? "\(Int(number))" : "\(number)"
  }
}

extension Recipe {
  mutating func set(_ kept: KeptParts) {
    if let hertz = kept.belowHertz { set("keep_below_hz", hertz) }
    if let hertz = kept.aboveHertz { set("keep_above_hz", hertz) }
    if !kept.times.isEmpty {
      self["keep_time"] = kept.times.map { time in
        "\(time.startSeconds)-" + (time.durationSeconds.map { "\(time.startSeconds + $0)" } ?? "")
      }.joined(separator: ",")
    }
    if !kept.beats.isEmpty { self["keep_beats"] = kept.beats }
  }
}
