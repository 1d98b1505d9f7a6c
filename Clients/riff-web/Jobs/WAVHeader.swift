import RiffProtocol

/// Takes the head of a WAV file off the sound that follows it, as riffd sends it: `fmt ` tells the channels,
/// `data` comes last.
struct WAVHeader {
  private(set) var channels = 0
  private var head: [UInt8]? = []

  /// The most that the head may have, in bytes: the settings stand in it.
  private static let limit = 2 << 20

  /// The samples among these bytes; nil while the head is incomplete.
  ///
  /// - Throws: ``WebError`` where this is not the head of a WAV file.
  mutating func takeSamples(_ bytes: [UInt8]) throws -> [UInt8]? {
    guard var head = self.head else { return bytes }
    head += bytes
    guard head.count <= Self.limit else { throw WebError("the daemon's WAV header has no end") }
    var at = 12
    while at + 8 <= head.count {
      let kind = head[at..<at + 4]
      if kind.elementsEqual("data".utf8) {
        guard (1...2).contains(self.channels) else {
          throw WebError("the daemon's WAV header names \(self.channels) channels")
        }
        self.head = nil
        return Array(head[(at + 8)...])
      }
      let size = (0..<4).reduce(0) { $0 | Int(head[at + 4 + $1]) << (8 * $1) }
      if kind.elementsEqual("fmt ".utf8), at + 12 <= head.count {
        self.channels = Int(head[at + 10]) | Int(head[at + 11]) << 8
      }
      at += 8 + size + size % 2
    }
    self.head = head
    return nil
  }
}
