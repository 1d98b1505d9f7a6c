/// What lies on both sides of a sound that is repeated: its own end before its beginning, its own beginning
/// behind its end. Codecs that look around hear it there, so that their files join.
public struct LoopEnds: Sendable {
  /// Samples before the first one, (channel, sample).
  let before: [[Float]]
  /// Samples behind the last one, (channel, sample).
  let behind: [[Float]]

  /// Half a second at 48 kHz. A decoder needs 80 ms to be what it would be in the middle of a sound (RFC
  /// 7845, section 4.2); an encoder takes longer to know what it hears.
  private static let lead = 24_000
  /// Two packets.
  private static let tail = 1_920

  /// - Parameter sound: the whole of it, (channel, sample), not empty.
  public init(_ sound: [[Float]]) {
    before = sound.map { channel in
      let first = channel.count - Self.lead % channel.count
      return (0..<Self.lead).map { channel[(first + $0) % channel.count] }
    }
    behind = sound.map { channel in (0..<Self.tail).map { channel[$0 % channel.count] } }
  }
}
