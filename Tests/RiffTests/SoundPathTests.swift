import AudioIO
import Cores
import Foundation
import Riff
import Spectrogram
import Testing

@Suite("Picture to stream")
struct SoundPathTests {
  private func stream(
    _ picture: SpectrogramPicture, _ output: OutputFormat, sampleCount: Int? = nil
  ) throws -> [UInt8] {
    let path = try SoundPath(
      picture, output: output, sampleCount: sampleCount ?? Self.length(picture),
      pool: ComputePool(threads: 2))
    var bytes: [UInt8] = []
    while let part = try path.next() { bytes += part }
    #expect(path.samplesDone == sampleCount ?? Self.length(picture))
    #expect(try path.next() == nil)
    return bytes
  }

  private static func length(_ picture: SpectrogramPicture) -> Int {
    picture.frames * picture.parameters.stepMilliseconds * 48
  }

  private func floats(_ bytes: [UInt8]) -> [Float] {
    bytes.withUnsafeBytes { bytes in
      stride(from: 0, to: bytes.count, by: 4).map { place in
        let bits = bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)
        return Float(bitPattern: UInt32(littleEndian: bits))
      }
    }
  }

  /// What the limiter acts on much cannot reach the loudness that was aimed at.
  private static let steady = TestSound.allCases.filter {
    ![.drums, .fading, .sparse, .stereo].contains($0)
  }

  @Test("any sound of more than 3 s comes out at -14 LUFS", arguments: steady)
  func loudness(sound: TestSound) throws {
    let picture = try sound.picture()
    let format = ["-f", "f32le", "-ar", "48000", "-ac", "\(picture.channels)"]
    let pcm = try LoudnessWitness(stream(picture, .pcmFloat32), format)
    #expect(abs(pcm.integrated + 14) <= 0.7, "PCM: \(pcm)")
    #expect(pcm.truePeak <= -0.9, "PCM: \(pcm)")
    let opus = try LoudnessWitness(stream(picture, .oggOpus(bitrate: nil)))
    #expect(abs(opus.integrated + 14) <= 0.7, "Opus: \(opus)")
  }

  @Test("sounds of high peaks are limited, not clipped", arguments: [TestSound.drums, .stereo])
  func limited(sound: TestSound) throws {
    let picture = try sound.picture()
    let pcm = try LoudnessWitness(
      stream(picture, .pcmFloat32),
      ["-f", "f32le", "-ar", "48000", "-ac", "\(picture.channels)"])
    #expect(pcm.integrated < -13)
    #expect(pcm.integrated > -20)
    #expect(pcm.truePeak <= -0.9)
    #expect(pcm.truePeak > -2)
  }

  @Test("silence stays silence")
  func silence() throws {
    let white = try SpectrogramPicture(
      image: RasterImage(
        width: 400, height: 64, pixels: Array(repeating: 255, count: 400 * 64 * 3)),
      parameters: SpectrogramParameters(), maximum: 30e6)
    #expect(try floats(stream(white, .pcmFloat32)).allSatisfy { $0 == 0 })
    #expect(try stream(white, .pcmSigned24).allSatisfy { $0 == 0 })
  }

  @Test("the outputs differ in their form alone, and every length is kept")
  func outputs() throws {
    let picture = try TestSound.stereo.picture()
    for count in [1, 119, 960, 961, 100_001] {
      let float = try floats(stream(picture, .pcmFloat32, sampleCount: count))
      let integer = try stream(picture, .pcmSigned24, sampleCount: count)
      #expect(float.count == 2 * count)
      try #require(integer.count == 6 * count)
      for (index, value) in float.enumerated() {
        // In the upper three bytes of a word, so that the sign is where it belongs.
        let word = (0..<3).reduce(UInt32(0)) {
          $0 | UInt32(integer[3 * index + $1]) << UInt32(8 * $1 + 8)
        }
        let step = Int32(bitPattern: word) / 256
        #expect(abs(Float(step) / 8_388_608 - value) <= 0.5 / 8_388_608)
      }
    }
  }

  @Test("the first bytes of sound leave long before the last column is recovered")
  func streams() throws {
    let picture = try TestSound.chord.picture()
    let path = try SoundPath(
      picture, output: .pcmFloat32, sampleCount: Self.length(picture), pool: ComputePool(threads: 2)
    )
    let first = try #require(try path.next())
    #expect(!first.isEmpty)
    #expect(path.samplesDone < Self.length(picture) / 2)
  }

  @Test("what the beginning measures corrects the prediction, but not by more than 3 dB")
  func correction() throws {
    let picture = try TestSound.tone.picture()
    func loudness(_ amplitude: Double) throws -> Double {
      var level = LevelControl(channels: 1)
      level.prepare(for: picture, parameters: picture.parameters, duration: 5)
      let tone = (0..<192_000).map {
        Float(amplitude * sin(2 * .pi * 1_000 * Double($0) / 48_000))
      }
      var sound = level.process([Array(tone.prefix(60_000))])[0]
      sound += level.process([Array(tone.dropFirst(60_000))])[0]
      return try LoudnessWitness([sound + level.finish()[0]]).integrated
    }
    // The picture is that of a tone of 0.3.
    for amplitude in [0.24, 0.3, 0.36] {
      #expect(abs(try loudness(amplitude) + 14) < 0.2)
    }
    #expect(abs(try loudness(0.03) + 14 + 17) < 1)
  }

  @Test("silence before the first sound does not settle the gain")
  func lateCorrection() throws {
    let picture = try TestSound.late.picture()
    var level = LevelControl(channels: 1)
    level.prepare(for: picture, parameters: picture.parameters, duration: 5)
    // The picture is that of a tone of 0.3 after 3 s; this one is quieter.
    let sound = (0..<240_000).map {
      $0 < 144_000 ? 0 : Float(0.25 * sin(2 * .pi * 500 * Double($0) / 48_000))
    }
    var output: [Float] = []
    for start in stride(from: 0, to: sound.count, by: 60_000) {
      output += level.process([Array(sound[start..<(start + 60_000)])])[0]
    }
    output += level.finish()[0]
    #expect(abs(try LoudnessWitness([output]).integrated + 14) < 0.3)
  }

  @Test("one gain serves all clips of a stream, and nothing jumps where they meet")
  func clips() throws {
    var level = LevelControl(channels: 1)
    let tone = (0..<96_000).map { Float(0.05 * sin(2 * .pi * 480 * Double($0) / 48_000)) }
    let first = try TestSound.tone.picture()
    let second = try TestSound.faint.picture()
    level.prepare(for: first, parameters: first.parameters, duration: 5)
    var sound = level.process([tone])[0]
    // 480 Hz: the second clip goes on where the first one stopped.
    level.prepare(for: second, parameters: second.parameters, duration: 5)
    sound += level.process([tone])[0]
    sound += level.finish()[0]
    try #require(sound.count == 192_000)
    let gain = sound[25] / tone[25]
    #expect(gain > 0)
    #expect(zip(sound, tone + tone).allSatisfy { abs($0 - $1 * gain) < 1e-6 })
  }
}
