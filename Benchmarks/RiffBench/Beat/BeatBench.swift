import AudioIO
import Diffusion
import Foundation
import Riff
import Spectrogram

/// Whether what a model draws keeps its beat.
struct BeatBench {
  let model: SoloModel
  let card: ModelCard
  let prompt: String
  let bpm: Double
  let seeds: [UInt64]

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

  /// The slip of each length, as one wide picture and as the daemon plays it.
  func run(_ durations: [Double], _ studio: Studio) async throws {
    print("| seconds | made | slip, ms: median | largest | pictures |")
    print("|---|---|---|---|---|")
    for seconds in durations {
      for isWide in [true, false] {
        var slips: [Double] = []
        for seed in seeds {
          let picture =
            isWide
            ? try picture(seconds, seed: seed)
            : try await played(seconds, seed: seed, studio)
          if let slip = try slip(picture) { slips.append(slip) }
        }
        slips.sort()
        guard !slips.isEmpty else { continue }
        print(
          "| \(Int(seconds)) | \(isWide ? "one wide picture" : "by duration") | "
            + String(format: "%.0f | %.0f", slips[slips.count / 2], slips[slips.count - 1])
            + " | \(slips.count) |")
      }
    }
  }

  /// What a daemon makes of a duration.
  private func played(
    _ seconds: Double, seed: UInt64, _ studio: Studio
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

  private func picture(_ seconds: Double, seed: UInt64) throws -> SpectrogramPicture {
    let multiple = model.info.widthMultiple
    let columns = Int((seconds * 1_000 / Double(card.spectrogram.stepMilliseconds)).rounded(.up))
    let image = try model.generate(
      DiffusionRequest(
        prompt: prompt, seed: seed, steps: card.defaults.steps ?? 50,
        guidanceScale: card.defaults.guidanceScale ?? 7.5,
        width: (columns + multiple - 1) / multiple * multiple,
        height: card.defaults.height ?? card.spectrogram.melBins)
    ) { _ in }
    return try SpectrogramPicture(
      image: RasterImage(width: image.width, height: image.height, pixels: image.pixels),
      parameters: card.spectrogram, maximum: card.maximum)
  }

  /// In milliseconds; nil where nothing begins in the first or the last three seconds.
  private func slip(_ picture: SpectrogramPicture) throws -> Double? {
    let mel = try picture.mel()
    let step = Double(picture.parameters.stepMilliseconds) / 1_000
    let count = Int(3 / step)
    guard mel.frames >= 2 * count else { return nil }
    func grid(_ frames: Range<Int>) throws -> BeatGrid? {
      var values: [Float] = []
      for row in 0..<mel.channels * mel.bins {
        values +=
          mel.values[row * mel.frames + frames.lowerBound..<row * mel.frames + frames.upperBound]
      }
      let part = try MelSpectrogram(
        channels: mel.channels, bins: mel.bins, frames: frames.count, values: values)
      return BeatGrid(OnsetEnvelope(part, parameters: picture.parameters), bpm: bpm)
    }
    guard let first = try grid(0..<count), let last = try grid(mel.frames - count..<mel.frames)
    else { return nil }
    // The last part's times are its own.
    let time = last.first + Double(mel.frames - count) * step
    return abs(time - first.nearest(to: time)) * 1_000
  }
}
