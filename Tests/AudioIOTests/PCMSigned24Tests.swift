import AudioIO
import Foundation
import Testing

@Suite("24-bit PCM out")
struct PCMSigned24Tests {
  @Test("interleaved, little endian, rounded, clipped, silence all zero")
  func bytes() throws {
    let step: Float = 1 / 8_388_608
    let encoder = try PCMSigned24Encoder(channels: 2)
    let bytes =
      try encoder.append([[0, 1, -1, 0.5], [step, -step, 2, -.infinity]])
      + encoder.append([[step * 1.25, step * 2.5], [step * -1.75, step * 3.5]])
    #expect(
      bytes == [
        0, 0, 0, 1, 0, 0,
        0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF,
        0, 0, 0x80, 0xFF, 0xFF, 0x7F,
        0, 0, 0x40, 0, 0, 0x80,
        1, 0, 0, 0xFE, 0xFF, 0xFF,
        2, 0, 0, 4, 0, 0,
      ])
    #expect(try encoder.finish() == [])
    #expect(try encoder.append([[], []]) == [])
  }

  @Test("ffmpeg reads the samples that went in")
  func witness() throws {
    let sound = [
      Signal.sine(440, count: 10_001, rate: 48_000), Signal.sine(99, count: 10_001, rate: 48_000),
    ]
    let bytes = try PCMSigned24Encoder(channels: 2).append(sound)
    let decoded = try withTemporaryFile("s24", bytes) { path in
      try Witness.run(
        "ffmpeg", "-nostdin", "-v", "error", "-f", "s24le", "-ar", "48000", "-ac", "2", "-i", path,
        "-f", "f32le", "-")
    }
    let values = decoded.output.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    try #require(values.count == 20_002)
    for channel in 0..<2 {
      let heard = stride(from: channel, to: values.count, by: 2).map { values[$0] }
      #expect(zip(heard, sound[channel]).allSatisfy { abs($0 - $1) <= 0.5 / 8_388_608 })
    }
  }

  @Test("what is no number, or no channel, is refused")
  func refusals() throws {
    let encoder = try PCMSigned24Encoder(channels: 1)
    #expect(throws: AudioIOError.self) { try encoder.append([[0, .nan]]) }
    #expect(throws: AudioIOError.self) { try encoder.append([[0], [0]]) }
    for channels in [0, 9] {
      #expect(throws: AudioIOError.self) { try PCMSigned24Encoder(channels: channels) }
    }
  }
}
