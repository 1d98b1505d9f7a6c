import AudioIO
import Foundation
import Testing

@Suite("Opus files of sounds that are repeated")
struct LoopEndsTests {
  /// Whole waves of 375 and 1,500 Hz, so that it repeats itself.
  private static let sound: [Float] = (0..<24_000).map {
    let turns = Double($0) / 48_000
    return Float(0.3 * sin(2 * .pi * 375 * turns) + 0.2 * cos(2 * .pi * 1_500 * turns))
  }

  private func decoded(loop: LoopEnds?) throws -> [Float] {
    let encoder = try OutputFormat.oggOpus(bitrate: 128_000).makeEncoder(
      channels: 1, comments: [], inputSampleRate: 48_000, serialNumber: 1, loop: loop)
    var bytes = try encoder.append([Array(Self.sound.prefix(10_000))])
    bytes += try encoder.append([Array(Self.sound.dropFirst(10_000))])
    bytes += try encoder.finish()
    return try withTemporaryFile("opus", bytes) { try Witness.decoded($0) }
  }

  /// How far two milliseconds on each side of the joint are from what went in, and two anywhere at most.
  private func errors(_ sound: [Float]) -> (joint: Float, inside: Float) {
    let apart = zip(sound, Self.sound).map { abs($0 - $1) }
    let joint = max(apart.prefix(96).max() ?? 1, apart.suffix(96).max() ?? 1)
    return (joint, apart.dropFirst(4_800).dropLast(4_800).max() ?? 0)
  }

  @Test("decoded by ffmpeg it is as long, and as right at the joint as inside")
  func joins() throws {
    let plain = try self.decoded(loop: nil)
    let looped = try self.decoded(loop: LoopEnds([Self.sound]))
    try #require(looped.count == Self.sound.count && plain.count == Self.sound.count)
    let (joint, inside) = self.errors(looped)
    #expect(joint <= 1.5 * inside)
    #expect(self.errors(plain).joint > 1.5 * inside, "it would join anyhow")
  }

  @Test("of a sound shorter than what a decoder needs, too")
  func short() throws {
    let ends = LoopEnds([Array(Self.sound.prefix(128))])
    #expect(try self.decoded(loop: ends).count == Self.sound.count)
  }
}
