import AudioIO
import Diffusion
import Foundation
import Riff
import Spectrogram

/// Whether what a model draws keeps its beat.
struct BeatBench {
  let model: SoloModel
  let card: ModelCard
  /// Each with a tempo in it.
  let prompts: [String]
  let seeds: [UInt64]

  /// Drums of many kinds and tempos.
  static let drums = [
    "techno drum beat, 120 bpm", "house drum beat, 124 bpm", "trance drum beat, 138 bpm",
    "electro drum machine, 126 bpm", "hip hop drum beat, 90 bpm", "lo-fi hip hop drums, 82 bpm",
    "trap drum beat, 140 bpm", "drum and bass drums, 170 bpm", "breakbeat drums, 132 bpm",
    "dub drums, 72 bpm", "reggae drums, 76 bpm", "ska drums, 152 bpm", "rock drums, 110 bpm",
    "hard rock drums, 128 bpm", "punk drums, 164 bpm", "metal drums, 148 bpm",
    "funk drums, 104 bpm", "disco drums, 118 bpm", "soul drums, 96 bpm", "jazz drums, 134 bpm",
    "swing drums, 160 bpm",
    "samba percussion, 100 bpm", "latin percussion, 108 bpm", "afrobeat drums, 112 bpm",
  ]

  /// Tempo and beat of files.
  static func list(_ files: [String]) throws {
    print("| file | bpm | first beat, s | clarity |")
    print("|---|---|---|---|")
    for path in files {
      let grid = BeatGrid(try onsets(path))
      let name = URL(fileURLWithPath: path).lastPathComponent
      let figures =
        grid.map { String(format: "%.1f | %.3f | %.1f", $0.bpm, $0.first, $0.clarity) }
        ?? "– | – | –"
      print("| \(name) | \(figures) |")
    }
  }

  private static func onsets(_ path: String) throws -> OnsetEnvelope {
    let file = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    if PictureFormat(detecting: file).isPicture {
      let picture = try SpectrogramPicture(file: file)
      return OnsetEnvelope(picture, parameters: picture.parameters)
    }
    let sound = try AudioReader(Upload(file)).read(
      AudioReader.Part(channels: 1, sampleRate: 24_000))
    let parameters = SpectrogramParameters(
      sampleRate: 24_000, stepMilliseconds: 10, windowMilliseconds: 46, paddedMilliseconds: 46,
      melBins: 80)
    let mel = try SpectrogramAnalyzer(parameters, threads: 2).analyze(sound.channels)
    return OnsetEnvelope(mel, parameters: parameters)
  }

  /// The slip of each length as the daemon plays it, or as one wide picture.
  func run(_ durations: [Double], isWide: Bool, listsAll: Bool, _ studio: Studio) async throws {
    guard let longest = durations.max() else { return }
    var slips = durations.map { _ in [Double]() }
    for text in prompts {
      guard let bpm = NamedTempo(in: text)?.bpm else { continue }
      var own: [String] = []
      for seed in seeds {
        // Windows do not depend on what comes after them: a shorter piece is a longer one's beginning.
        let whole = isWide ? nil : try await played(text, longest, seed: seed, studio).mel()
        for (index, seconds) in durations.enumerated() {
          let mel = try whole ?? picture(text, seconds, seed: seed).mel()
          guard let slip = try slip(mel, seconds, bpm: bpm) else { continue }
          slips[index].append(slip)
          own.append(String(format: "%.0f", slip))
        }
      }
      if listsAll { print("\(text): \(own.joined(separator: " "))") }
    }
    print("| seconds | slip, ms: median | 75 % below | 90 % below | largest | pieces |")
    print("|---|---|---|---|---|---|")
    for (seconds, all) in zip(durations, slips) where !all.isEmpty {
      let sorted = all.sorted()
      let figures = [50, 75, 90].map { sorted[min(sorted.count * $0 / 100, sorted.count - 1)] }
      print(
        "| \(Int(seconds)) | "
          + (figures + [sorted[sorted.count - 1]]).map { String(format: "%.0f", $0) }
          .joined(separator: " | ") + " | \(sorted.count) |")
    }
  }

  /// What a daemon makes of a duration.
  private func played(
    _ prompt: String, _ seconds: Double, seed: UInt64, _ studio: Studio
  ) async throws -> SpectrogramPicture {
    var job = GenerateJob(prompt: prompt)
    job.seed = seed
    job.durationSeconds = seconds
    job.output = nil
    var png: [UInt8] = []
    for try await event in studio.generate(job) {
      if case .spectrogram(let bytes) = event { png = bytes }
    }
    return try SpectrogramPicture(file: png)
  }

  private func picture(
    _ prompt: String, _ seconds: Double, seed: UInt64
  ) throws -> SpectrogramPicture {
    let multiple = model.info.widthMultiple
    let columns = Int((seconds * 1_000 / Double(card.spectrogram.stepMilliseconds)).rounded(.up))
    let request = DiffusionRequest(
      prompt, seed: seed, card: card, width: (columns + multiple - 1) / multiple * multiple)
    let image = try model.generate(request) { _ in }
    return try SpectrogramPicture(
      image: image,
      parameters: card.spectrogram, maximum: card.maximum)
  }

  /// Of the first `seconds` of a piece, in milliseconds; nil where nothing begins in the first or the last
  /// three.
  private func slip(_ mel: MelSpectrogram, _ seconds: Double, bpm: Double) throws -> Double? {
    let parameters = card.spectrogram
    let step = Double(parameters.stepMilliseconds) / 1_000
    let (count, end) = (Int(3 / step), min(mel.frames, Int((seconds / step).rounded())))
    guard end >= 2 * count else { return nil }
    func grid(_ frames: Range<Int>) throws -> BeatGrid? {
      var values: [Float] = []
      for row in 0..<mel.channels * mel.bins {
        values +=
          mel.values[row * mel.frames + frames.lowerBound..<row * mel.frames + frames.upperBound]
      }
      let part = try MelSpectrogram(
        channels: mel.channels, bins: mel.bins, frames: frames.count, values: values)
      return BeatGrid(OnsetEnvelope(part, parameters: parameters), bpm: bpm)
    }
    guard let first = try grid(0..<count), let last = try grid(end - count..<end) else {
      return nil
    }
    // The last part's times are its own.
    let time = last.first + Double(end - count) * step
    return abs(time - first.nearest(to: time)) * 1_000
  }
}
