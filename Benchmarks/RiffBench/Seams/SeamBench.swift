import AudioIO
import Diffusion
import Foundation
import Riff
import Spectrogram

/// Whether one hears where the windows of a long piece join.
struct SeamBench {
  let studio: Studio
  let card: ModelCard
  /// Columns that a latent column stands for.
  let multiple: Int
  let threads: Int
  let seeds: [UInt64]
  let seconds: Double

  private typealias Joints = [(start: Double, end: Double)]

  private struct Piece {
    /// (channel, sample) at 48 kHz.
    var sound: [[Float]] = []
    /// Columns at which its pictures begin.
    var pictures: [Int] = []
    var whole: [UInt8] = []
  }

  private var step: Double { Double(card.spectrogram.stepMilliseconds) / 1_000 }
  private var window: Int { card.defaults.width ?? 512 }

  func run(prompts: [(prompt: String, bpm: Double)], clips: [String], remixed: String) async throws
  {
    print(
      "| piece | seed | joints | flux at joints, of the median inside: median | most | inside: 95 % below "
        + "| most |\n|---|---|---|---|---|---|---|")
    for (prompt, bpm) in prompts {
      for seed in seeds { try await generate(prompt, bpm, seed) }
    }
    for clip in clips {
      for seed in seeds { try await remix(clip, remixed, seed) }
    }
  }

  private func generate(_ prompt: String, _ bpm: Double, _ seed: UInt64) async throws {
    var job = GenerateJob(prompt: prompt)
    job.seed = seed
    job.bpm = bpm
    job.output = nil
    // The first window, alone, says where the others begin.
    let first = try SpectrogramPicture(file: try await piece(studio.generate(job)).whole)
    guard
      let grid = BeatGrid(OnsetEnvelope(first, parameters: first.parameters), bpm: bpm)
    else { return print("| \(prompt) | \(seed) | no beat | | | | |") }
    job.durationSeconds = seconds
    job.output = .pcmFloat32
    let made = try await piece(studio.generate(job))
    var (joints, end) = (Joints(), window)
    while Double(end) * step < seconds {
      let start = BeatWindows.start(
        of: window, after: end, multiple: multiple, step: step, grid: grid)
      joints.append((Double(start) * step, Double(end) * step))
      end = start + window
    }
    try tell(prompt, seed, made, joints)
  }

  private func remix(_ path: String, _ prompt: String, _ seed: UInt64) async throws {
    var request = GenerateJob(prompt: prompt)
    request.seed = seed
    request.output = .pcmFloat32
    request.wantSpectrogram = true
    var job = RemixJob(request, file: [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))
    job.span = RemixJob.Span(durationSeconds: seconds)
    let made = try await piece(studio.remix(job))
    // A window fades in over an eighth of its width.
    let fade = Double(max(2, window / 8 / multiple) * multiple) * step
    let joints = made.pictures.dropFirst().map { column in
      (Double(column) * step, Double(column) * step + fade)
    }
    let name = URL(fileURLWithPath: path).lastPathComponent
    try tell("\(name) as \(prompt)", seed, made, joints)
  }

  private func piece(_ events: JobEvents) async throws -> Piece {
    var (piece, bytes, channels) = (Piece(), [UInt8](), 1)
    for try await event in events {
      switch event {
      case .audio(let part): bytes += part
      case .windowPicture(_, let column): piece.pictures.append(column)
      case .spectrogram(let png): piece.whole = png
      case .done(let done): channels = max(1, done.channelCount)
      default: break
      }
    }
    let samples = bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    piece.sound = (0..<channels).map { channel in
      stride(from: channel, to: samples.count, by: channels).map { samples[$0] }
    }
    return piece
  }

  private func tell(_ name: String, _ seed: UInt64, _ piece: Piece, _ joints: Joints) throws {
    guard let figures = try SpectralFlux(piece.sound, threads: threads).compare(joints),
      let most = figures.joints.last
    else { return print("| \(name) | \(seed) | \(joints.count) | – | – | – | – |") }
    print(
      "| \(name) | \(seed) | \(figures.joints.count) | "
        + [figures.joints[figures.joints.count / 2], most, figures.inside95, figures.insideMost]
        .map { String(format: "%.2f", $0) }.joined(separator: " | ") + " |")
  }
}
