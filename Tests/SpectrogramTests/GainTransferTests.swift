import Spectrogram
import Testing

@Suite("What a model changed, applied to the clip")
struct GainTransferTests {
  /// Riff-mini's.
  static let parameters = SpectrogramParameters(
    sampleRate: 24_000, stepMilliseconds: 20, windowMilliseconds: 80, paddedMilliseconds: 160,
    melBins: 256)
  static let rate = 48_000

  /// Two seconds of music, another in the other channel.
  static let sound = [1, 1.5].map { SyntheticSound.music(count: 96_000, rate: rate, detune: $0) }

  /// Mel amplitudes as long as the sound, what `level` says at each bin and frame.
  static func mel(_ level: (_ bin: Int, _ frame: Int) -> Float) throws -> MelSpectrogram {
    let (bins, frames) = (256, 101)
    let values = (0..<bins * frames).map { level($0 / frames, $0 % frames) }
    return try MelSpectrogram(channels: 1, bins: bins, frames: frames, values: values)
  }

  static func transferred(
    _ edit: PictureEdit, _ sound: [[Float]] = sound, portion: Int = 96_000
  ) throws -> [[Float]] {
    let stream = try GainTransferStream(
      edit, parameters: parameters, sampleRate: rate, channels: sound.count)
    var result = [[Float]](repeating: [], count: sound.count)
    for start in stride(from: 0, to: sound[0].count, by: portion) {
      let end = min(start + portion, sound[0].count)
      for (channel, part) in try stream.append(sound.map { Array($0[start..<end]) }).enumerated() {
        result[channel] += part
      }
      // Not later than two windows of 80 ms.
      #expect(result[0].count >= end - 2 * 3_840)
    }
    for (channel, part) in stream.finish().enumerated() { result[channel] += part }
    return result
  }

  @Test("an unchanged picture gives the clip back, to the sample", arguments: [1, 3, 959, 96_000])
  func identity(length: Int) throws {
    let sound = Self.sound.map { Array($0.prefix(length)) }
    // Speckled, with silence and more than full scale in it: what it holds must not matter.
    let mel = try Self.mel { bin, frame in Float((bin * 7 + frame * 13) % 11) * 1e6 }
    let source = try Self.mel { bin, frame in Float((bin * 5 + frame * 3) % 7) * 1e6 }
    let edit = try PictureEdit(source: source, unchanged: mel, edited: mel, maximum: 1e7)
    let result = try Self.transferred(edit, sound)
    for (channel, own) in zip(result, sound) {
      #expect(channel.count == length)
      let apart = zip(channel, own).map { $0 - $1 }
      #expect(SyntheticSound.decibels(apart) < max(SyntheticSound.decibels(own) - 100, -160))
    }
    var missing = [Float](repeating: 1, count: 256 * 101)
    missing.withUnsafeMutableBufferPointer { values in
      guard let base = values.baseAddress else { return }
      MissingFrames(edit).copyFrames(0..<101, channel: 0, to: base, stride: 101)
    }
    #expect(missing.allSatisfy { $0 == 0 })
  }

  @Test("portions do not matter")
  func portions() throws {
    let before = try Self.mel { _, _ in 1e6 }
    let after = try Self.mel { bin, frame in Float(1 + (bin + frame) % 3) * 5e5 }
    let edit = try PictureEdit(source: before, unchanged: before, edited: after, maximum: 1e6)
    let whole = try Self.transferred(edit)
    #expect(try Self.transferred(edit, portion: 1_000) == whole)
    #expect(try Self.transferred(edit, portion: 17_777) == whole)
  }

  @Test("twice the amplitude is 6 dB more, above the picture's frequencies too, in every channel")
  func louder() throws {
    let before = try Self.mel { _, _ in 1e6 }
    let after = try Self.mel { _, _ in 2e6 }
    let edit = try PictureEdit(source: before, unchanged: before, edited: after, maximum: 1e6)
    // White noise to 24 kHz, where the picture ends at 10.
    let noise = [UInt64(1), 2].map { SyntheticSound.noise(count: 96_000, seed: $0) }
    for (channel, own) in zip(try Self.transferred(edit, noise), noise) {
      #expect(abs(SyntheticSound.decibels(channel) - SyntheticSound.decibels(own) - 6.02) < 0.05)
      let apart = zip(channel, own).map { $0 - 2 * $1 }
      #expect(SyntheticSound.decibels(apart) < SyntheticSound.decibels(own) - 40)
    }
  }

  @Test("what a picture lost is gone when and where it lost it")
  func quieter() throws {
    let before = try Self.mel { _, _ in 1e6 }
    // The second second is silent below the 100th bin, about 1.7 kHz.
    let after = try Self.mel { bin, frame in frame >= 50 && bin < 100 ? 0 : 1e6 }
    let edit = try PictureEdit(source: before, unchanged: before, edited: after, maximum: 1e6)
    let tone = SyntheticSound.sine(count: 96_000, frequency: 440, rate: Self.rate)
    let high = SyntheticSound.sine(count: 96_000, frequency: 6_000, rate: Self.rate)
    let result = try Self.transferred(edit, [tone, high])
    #expect(
      abs(SyntheticSound.decibels(result[0][4_000..<43_000]) - SyntheticSound.decibels(tone)) < 0.1)
    #expect(
      SyntheticSound.decibels(result[0][53_000..<92_000]) < SyntheticSound.decibels(tone) - 50)
    #expect(abs(SyntheticSound.decibels(result[1]) - SyntheticSound.decibels(high)) < 0.1)
  }

  @Test("where the clip is silent no gain is taken; the picture's own amplitudes are missing")
  func missing() throws {
    let before = try Self.mel { _, frame in frame < 50 ? 1e6 : 0 }
    let after = try Self.mel { bin, _ in bin == 80 ? 1e6 : 1e5 }
    let bounds = PictureEdit.Bounds(boost: 12, floor: 60)
    let edit = try PictureEdit(
      source: before, unchanged: before, edited: after, maximum: 1e6, bounds: bounds)
    var values = [Float](repeating: 0, count: 256 * 101)
    values.withUnsafeMutableBufferPointer { values in
      guard let base = values.baseAddress else { return }
      MissingFrames(edit).copyFrames(0..<101, channel: 0, to: base, stride: 101)
    }
    #expect(values[80 * 101 + 20] == 0)
    #expect(abs(values[80 * 101 + 70] / 1e6 - 1) < 0.01)
    #expect(abs(values[10 * 101 + 70] / 1e5 - 1) < 0.01)
  }

  @Test("pictures of different shapes, and bounds that are none, are refused")
  func refused() throws {
    let mel = try Self.mel { _, _ in 1 }
    let other = try MelSpectrogram(
      channels: 1, bins: 256, frames: 1, values: [Float](repeating: 0, count: 256))
    #expect(throws: SpectrogramError.self) {
      try PictureEdit(source: mel, unchanged: mel, edited: other, maximum: 1)
    }
    #expect(throws: SpectrogramError.self) {
      try PictureEdit(source: mel, unchanged: mel, edited: mel, maximum: .nan)
    }
    #expect(throws: SpectrogramError.self) {
      try PictureEdit(
        source: mel, unchanged: mel, edited: mel, maximum: 1,
        bounds: PictureEdit.Bounds(boost: -1))
    }
    let edit = try PictureEdit(source: mel, unchanged: mel, edited: mel, maximum: 1)
    #expect(throws: SpectrogramError.self) {
      try GainTransferStream(edit, parameters: Self.parameters, sampleRate: 0, channels: 1)
    }
    let stream = try GainTransferStream(
      edit, parameters: Self.parameters, sampleRate: 48_000, channels: 2)
    #expect(throws: SpectrogramError.self) { try stream.append([[1, 2], [1]]) }
    #expect(throws: SpectrogramError.self) { try stream.append([[1, 2]]) }
  }
}
