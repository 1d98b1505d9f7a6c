/// Byte-pair encoding over byte-level symbols with an end-of-word mark, as CLIP uses it.
/// Sennrich et al., 2016 (arXiv:1508.07909).
struct BytePairEncoding: Sendable {
  private struct Merge: Sendable {
    let rank: Int
    let result: Int32
  }

  /// What `vocab.json` maps; keys are UTF-8, compared byte by byte.
  private let vocabulary: [[UInt8]: Int32]
  private let merges: [UInt64: Merge]
  private let unknown: Int32
  /// The symbol of each byte, inside a word and at its end; absent ones become `unknown`.
  private let inner: [Int32]
  private let last: [Int32]

  let largestToken: Int32
  /// How many tokens have a name.
  var vocabularySize: Int32 { Int32(vocabulary.count) }

  /// Merges stand in the order of their rank. `place` names one in an error.
  init(
    file: String, vocabulary: [[UInt8]: Int32], unknownToken: String,
    merges pairs: [(left: [UInt8], right: [UInt8], place: String)]
  ) throws(DiffusionError) {
    guard let unknown = vocabulary[Array(unknownToken.utf8)] else {
      throw .checkpoint(file, "its vocabulary lacks the unknown token \(unknownToken)")
    }
    var merges: [UInt64: Merge] = [:]
    merges.reserveCapacity(pairs.count)
    for (rank, pair) in pairs.enumerated() {
      guard let left = vocabulary[pair.left], let right = vocabulary[pair.right],
        let result = vocabulary[pair.left + pair.right]
      else {
        throw .checkpoint(file, "\(pair.place) merges tokens that the vocabulary lacks")
      }
      merges[Self.key(left, right)] = Merge(rank: rank, result: result)
    }
    let symbols = Self.byteSymbols
    inner = symbols.map { vocabulary[$0] ?? unknown }
    last = symbols.map { vocabulary[$0 + Array("</w>".utf8)] ?? unknown }
    largestToken = vocabulary.values.max() ?? 0
    self.vocabulary = vocabulary
    self.merges = merges
    self.unknown = unknown
  }

  subscript(token: String) -> Int32? { vocabulary[Array(token.utf8)] }

  /// The tokens of one word: the best-ranked pair is merged, leftmost first, until none is left.
  /// Takes n log n steps for n bytes.
  func encode(_ word: [UInt8]) -> [Int32] {
    guard let final = word.last else { return [] }
    var symbols = word.map { inner[Int($0)] }
    symbols[symbols.count - 1] = last[Int(final)]
    // A merge leaves its result in the left place; the right one is taken out of the chain.
    var next = Array(1...symbols.count)
    var previous = Array(-1..<symbols.count - 1)
    var queue = MergeQueue()
    func merge(at position: Int) -> Merge? {
      guard position >= 0, next[position] < symbols.count else { return nil }
      return merges[Self.key(symbols[position], symbols[next[position]])]
    }
    func enqueue(_ position: Int) {
      guard let merge = merge(at: position) else { return }
      queue.insert(MergeQueue.Candidate(rank: merge.rank, position: position))
    }
    for position in symbols.indices { enqueue(position) }
    while let candidate = queue.popFirst() {
      let left = candidate.position
      // Merges beside it may have changed the pair or taken it out since.
      guard symbols[left] != Self.removed, let merge = merge(at: left),
        merge.rank == candidate.rank
      else { continue }
      let right = next[left]
      symbols[left] = merge.result
      symbols[right] = Self.removed
      next[left] = next[right]
      if next[left] < symbols.count { previous[next[left]] = left }
      enqueue(left)
      enqueue(previous[left])
    }
    return symbols.filter { $0 != Self.removed }
  }

  /// No token: those of a vocabulary are not negative.
  private static let removed: Int32 = -1

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// GPT-2's printable stand-in of every byte, in UTF-8: printable Latin-1 stands for itself, the
  /// other bytes for U+0100 and up in order.
  static var byteSymbols: [[UInt8]] {
    var spare: UInt32 = 0x100
    return (UInt32(0)...255).map { byte in
      var code = byte
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: break
      default:
        code = spare
        spare += 1
      }
      // Codes up to U+0143: always two bytes at most, never a surrogate.
      return code < 0x80
        ? [UInt8(code)] : [UInt8(0xC0 | code >> 6), UInt8(0x80 | code & 0x3F)]
    }
  }
}
