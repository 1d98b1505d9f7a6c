/// Takes an input apart: the first bytes decide, what is left is material.
struct Bytes {
  private var rest: UnsafeRawBufferPointer

  init(_ input: UnsafeRawBufferPointer) { self.rest = input }

  var isEmpty: Bool { self.rest.isEmpty }

  mutating func byte() -> UInt8 {
    guard let first = self.rest.first else { return 0 }
    self.rest = UnsafeRawBufferPointer(rebasing: self.rest.dropFirst())
    return first
  }

  mutating func number() -> UInt32 {
    (0..<4).reduce(0) { sum, _ in sum << 8 | UInt32(self.byte()) }
  }

  /// The next bytes, at most `count`.
  mutating func take(_ count: Int) -> [UInt8] {
    let taken = Array(self.rest.prefix(count))
    self.rest = UnsafeRawBufferPointer(rebasing: self.rest.dropFirst(count))
    return taken
  }

  mutating func all() -> [UInt8] { self.take(self.rest.count) }

  /// Parts with a zero byte between them.
  mutating func parts(_ count: Int) -> [[UInt8]] {
    let all = self.all()
    var parts = all.split(separator: 0, maxSplits: count - 1, omittingEmptySubsequences: false)
      .map(Array.init)
    while parts.count < count { parts.append([]) }
    return parts
  }
}
