import AudioIO
import Foundation
import Riff
import Spectrogram

/// Whether loops join. A loop is played four times; at each moment the flux is how far the spectrum moves
/// from one 10 ms frame to the next, in decibels, the louder bins counting.
struct LoopBench {
  let studio: Studio
  let bpm: Double
  let isLoop: Bool

  func run(_ prompts: [String], bars: [Int], seeds: ClosedRange<UInt64>) async throws {
    print(
      "| prompt | bars | flux at the joint, of the median inside: median | largest | of the largest "
        + "inside, largest | treble at the joint, dB | beat, clarity once | again | bpm |")
    print("|---|---|---|---|---|---|---|---|---|")
    for prompt in prompts {
      for count in bars {
        var joints: [LoopJoint] = []
        for seed in seeds { joints.append(try await self.joint(prompt, bars: count, seed: seed)) }
        let ratios = joints.map { $0.ofMedian }.sorted()
        let grids = joints.compactMap(\.grids)
        func mean(_ value: ((once: BeatGrid, again: BeatGrid)) -> Double) -> Double {
          grids.isEmpty ? 0 : grids.map(value).reduce(0, +) / Double(grids.count)
        }
        print(
          "| \(prompt) | \(count) | "
            + String(
              format: "%.2f | %.2f | %.2f | %+.1f | %.1f | %.1f | %.1f |", ratios[ratios.count / 2],
              ratios[ratios.count - 1], joints.map(\.ofLargest).max() ?? 0,
              joints.map(\.treble).max() ?? 0, mean { $0.once.clarity }, mean { $0.again.clarity },
              mean { $0.again.bpm }))
      }
    }
  }

  private func joint(_ prompt: String, bars: Int, seed: UInt64) async throws -> LoopJoint {
    var job = GenerateJob(prompt: prompt)
    job.seed = seed
    job.bpm = self.bpm
    job.bars = bars
    job.loop = self.isLoop
    job.output = .pcmFloat32
    var bytes: [UInt8] = []
    for try await event in self.studio.generate(job) {
      if case .audio(let part) = event { bytes += part }
    }
    let sound = bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    return try LoopJoint(sound)
  }
}

/// What is heard where a sound is followed by its own beginning.
struct LoopJoint {
  /// Largest flux within 20 ms of the joint, of the median and of the largest flux elsewhere.
  let ofMedian: Double
  let ofLargest: Double
  /// How much louder the highest octave is within 20 ms of the joint than the 99th of a hundred elsewhere.
  let treble: Double
  /// The beat of one round, and of four.
  let grids: (once: BeatGrid, again: BeatGrid)?

  /// - Parameter sound: one channel at 48 kHz.
  init(_ sound: [Float]) throws {
    let parameters = SpectrogramParameters(
      sampleRate: 48_000, stepMilliseconds: 10, windowMilliseconds: 30, paddedMilliseconds: 30,
      melBins: 128, maxFrequency: 20_000)
    let analyzer = try SpectrogramAnalyzer(parameters, threads: 2)
    let mel = try analyzer.analyze([sound + sound + sound])
    func column(_ frame: Int) -> [Float] {
      (0..<mel.bins).map { mel.values[$0 * mel.frames + frame] }
    }
    let columns = (0..<mel.frames).map(column)
    let floor = (mel.values.max() ?? 1) * 1e-4
    let flux = (1..<columns.count).map { frame -> Double in
      zip(columns[frame - 1], columns[frame]).reduce(0) {
        $0 + Double(abs($1.1 - $1.0))
      } / Double(max(floor, columns[frame].reduce(0, +) / Float(mel.bins)))
    }
    let step = 480
    let joints = [sound.count / step, 2 * sound.count / step]
    func isJoint(_ frame: Int) -> Bool { joints.contains { abs(frame - $0) <= 3 } }
    // Not where the file begins and ends.
    let frames = (10..<flux.count - 10)
    let inside = frames.filter { !isJoint($0) }.map { flux[$0] }.sorted()
    let at = frames.filter { isJoint($0) }.map { flux[$0] }.max() ?? 0
    self.ofMedian = at / inside[inside.count / 2]
    self.ofLargest = at / (inside.last ?? 1)
    func high(_ frame: Int) -> Double {
      let power = columns[frame].suffix(mel.bins / 5).reduce(Float(0)) { $0 + $1 * $1 }
      return 10 * log10(max(1e-9, Double(power)))
    }
    let others = frames.filter { !isJoint($0) }.map(high).sorted()
    self.treble =
      (frames.filter { isJoint($0) }.map(high).max() ?? 0) - others[others.count * 99 / 100]
    let beat = SpectrogramParameters(
      sampleRate: 48_000, stepMilliseconds: 10, windowMilliseconds: 46, paddedMilliseconds: 46,
      melBins: 80)
    func grid(_ sound: [Float]) throws -> BeatGrid? {
      BeatGrid(
        OnsetEnvelope(
          try SpectrogramAnalyzer(beat, threads: 2).analyze([sound]), parameters: beat))
    }
    if let once = try grid(sound), let again = try grid(sound + sound + sound + sound) {
      self.grids = (once, again)
    } else {
      self.grids = nil
    }
  }
}
