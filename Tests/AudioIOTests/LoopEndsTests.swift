import AudioIO
import Foundation
import Testing

@Suite("Opus files of sounds that are repeated")
struct LoopEndsTests {
  /// Whole waves of 376 and 1,500 Hz, so that it repeats itself.
  private static let sound: [Float] = (0..<24_000).map {
    let turns = Double($0) / 48_000
    return Float(0.3 * sin(2 * .pi * 376 * turns) + 0.2 * cos(2 * .pi * 1_500 * turns))
  }

  private func decoded(loop: LoopEnds?) throws -> [Float] {
    let encoder = try OutputFormat.oggOpus(bitrate: 128_000).makeEncoder(
      channels: 1, comments: [], inputSampleRate: 48_000, serialNumber: 1, loop: loop)
    var bytes = try encoder.append([Array(Self.sound.prefix(10_000))])
    bytes += try encoder.append([Array(Self.sound.dropFirst(10_000))])
    bytes += try encoder.finish()
    return try withTemporaryFile("opus", bytes) { try Witness.decoded($0) }
  }

  /// What the codec made differently, root mean square over packets of 20 ms: the first and the last one,
  /// and the most of those inside.
  private func errors(_ sound: [Float]) -> (first: Float, last: Float, inside: Float) {
    let packets = stride(from: 0, to: sound.count, by: 960).map { start -> Float in
      let square = (start..<start + 960).reduce(Float(0)) {
        $0 + (sound[$1] - Self.sound[$1]) * (sound[$1] - Self.sound[$1])
      }
      return (square / 960).squareRoot()
    }
    return (packets[0], packets[24], packets[5..<20].max() ?? 0)
  }

  @Test("decoded by ffmpeg it is as long, and as right at the joint as inside")
  func joins() throws {
    let plain = try self.decoded(loop: nil)
    let looped = try self.decoded(loop: LoopEnds([Self.sound]))
    try #require(looped.count == Self.sound.count && plain.count == Self.sound.count)
    let errors = self.errors(looped)
    let others = self.errors(plain)
    #expect(errors.first <= 1.5 * errors.inside && errors.last <= 1.5 * errors.inside, "\(errors)")
    #expect(others.first > errors.first, "it would join anyhow: \(others)")
  }

  @Test("of a sound shorter than what a decoder needs, too")
  func short() throws {
    let ends = LoopEnds([Array(Self.sound.prefix(128))])
    #expect(try self.decoded(loop: ends).count == Self.sound.count)
  }
}
