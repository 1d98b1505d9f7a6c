package import Spectrogram

/// One gain for a whole stream, chosen before its first sample leaves: the loudness of what is to
/// come is read off the picture, whose mel energies are proportional to the sound's, and the factor
/// of proportion is measured on the first samples that sound.
package struct LevelControl {
  /// Root mean square of the sounding frames that the gain aims at: -17 dB below full scale.
  package static let target: Float = 0.1413
  /// Frames so far below the loudest one do not count as sounding: 40 dB, in energy.
  static let gate: Float = 1e-4
  /// Largest gain: 40 dB.
  static let maximumGain: Float = 100

  /// Sum of squared mel amplitudes by frame, averaged over channels.
  private let energies: [Float]
  /// Mean of the energies of the frames that sound; 0 for a silent picture.
  private let meanEnergy: Float
  private var gain: Float?
  private var samplesSeen = 0

  package init(_ mel: some MelFrames) {
    var energies = [Float](repeating: 0, count: mel.frames)
    let blockFrames = 256
    var block = [Float](repeating: 0, count: mel.bins * blockFrames)
    for start in stride(from: 0, to: mel.frames, by: blockFrames) {
      let range = start..<min(start + blockFrames, mel.frames)
      for channel in 0..<mel.channels {
        block.withUnsafeMutableBufferPointer { block in
          // A spectrogram has at least one bin, so the block is not empty.
          guard let values = block.baseAddress else { return }
          mel.copyFrames(range, channel: channel, to: values, stride: range.count)
          for bin in 0..<mel.bins {
            for (place, frame) in range.enumerated() {
              let value = values[bin * range.count + place]
              energies[frame] += value * value
            }
          }
        }
      }
    }
    let floor = (energies.max() ?? 0) * Self.gate
    let sounding = energies.lazy.filter { $0 > floor }
    self.meanEnergy =
      sounding.isEmpty ? 0 : sounding.reduce(0, +) / Float(sounding.count * mel.channels)
    self.energies = energies.map { $0 / Float(mel.channels) }
  }

  /// Scales the next samples of the stream, planar channels at `hop` samples a frame.
  package mutating func apply(to channels: inout [[Float]], hop: Int) {
    let count = channels.first?.count ?? 0
    defer { self.samplesSeen += count }
    let gain = self.gain ?? self.measure(channels, hop: hop)
    guard gain != 1 else { return }
    for channel in channels.indices {
      for index in channels[channel].indices { channels[channel][index] *= gain }
    }
  }

  /// The gain by this chunk; kept for good once the chunk holds a share of the picture's sound.
  private mutating func measure(_ channels: [[Float]], hop: Int) -> Float {
    let count = channels.first?.count ?? 0
    let frames =
      min(
        self.samplesSeen / hop, self.energies.count)..<min(
        (self.samplesSeen + count + hop - 1) / hop, self.energies.count)
    let pictured = self.energies[frames].reduce(0, +) * Float(hop)
    let heard =
      channels.lazy.map { $0.reduce(Float(0)) { $0 + $1 * $1 } }.reduce(0, +)
      / Float(max(channels.count, 1))
    guard self.meanEnergy > 0, heard > 0, pictured > 0 else { return 1 }
    let meanSquare = heard / pictured * self.meanEnergy
    let gain = min(Self.target / meanSquare.squareRoot(), Self.maximumGain)
    // A chunk that is nearly silent measures badly: it gets a gain, but does not decide.
    if pictured / Float(max(frames.count, 1) * hop) > self.meanEnergy * 0.01 { self.gain = gain }
    return gain
  }
}
