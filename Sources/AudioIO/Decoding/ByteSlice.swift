/// Ranges of another source and bytes of our own, one after the other, as one file.
final class ByteSlice: ByteSource {
  enum Piece: Sendable {
    case bytes([UInt8])
    case range(Range<Int>)

    var count: Int {
      switch self {
      case .bytes(let bytes): bytes.count
      case .range(let range): range.count
      }
    }
  }

  let count: Int
  private let source: any ByteSource
  private let pieces: [Piece]

  init(_ source: any ByteSource, _ pieces: [Piece]) {
    self.source = source
    self.pieces = pieces
    count = pieces.reduce(0) { $0 + $1.count }
  }

  /// A range of the source, as far as that goes.
  convenience init(_ source: any ByteSource, _ range: Range<Int>) {
    self.init(source, [.range(range.clamped(to: 0..<source.count))])
  }

  func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws(AudioIOError) -> Int
  {
    var start = 0
    var done = 0
    for piece in pieces where done < target.count {
      let from = offset + done - start
      start += piece.count
      guard from >= 0, from < piece.count else { continue }
      let room = min(target.count - done, piece.count - from)
      let rest = UnsafeMutableRawBufferPointer(rebasing: target[done..<done + room])
      switch piece {
      case .bytes(let bytes): rest.copyBytes(from: bytes[from..<from + room])
      case .range(let range):
        let taken = try source.read(at: range.lowerBound + from, into: rest)
        guard taken == room else { return done + taken }
      }
      done += room
    }
    return done
  }
}
