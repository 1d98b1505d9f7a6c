#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Memory for activations, handed out and taken back in the order of a stack.
///
/// A denoising step asks for the same sizes in the same order every time, so from the second one on
/// nothing is allocated. Confined to whoever holds the ``Turn`` that it belongs to, which is why it
/// may go from thread to thread; the pool's threads only see what it handed out.
package final class Arena: @unchecked Sendable {
  package struct Mark {
    fileprivate let chunk: Int
    fileprivate let used: Int
  }

  private struct Chunk {
    let base: UnsafeMutablePointer<Float>
    let capacity: Int
  }

  private static let smallestChunk = 4 << 20  // floats: 16 MiB
  private static let kept = 64 << 20  // floats: 256 MiB
  private static let alignment = 16  // floats: 64 bytes

  private var chunks: [Chunk] = []
  private var current = 0
  private var used = 0

  package init() {}

  deinit { freeChunks() }

  private func freeChunks() {
    for chunk in chunks { free(chunk.base) }
    chunks = []
  }

  /// The present height of the stack, to return to with `release`.
  package func mark() -> Mark { Mark(chunk: current, used: used) }

  /// Takes back everything made since the mark.
  package func release(to mark: Mark) {
    current = mark.chunk
    used = mark.used
  }

  /// Takes everything back, and returns the memory to the system where it is much.
  package func rewind() {
    if chunks.reduce(0, { $0 + $1.capacity }) > Self.kept { freeChunks() }
    current = 0
    used = 0
  }

  /// Returns what lies above the present height to the system where it is much: between two stages,
  /// of which the second asks for other sizes, first of all for `count` pieces of `floats`. Where those
  /// find a place, all stays.
  package func trim(before count: Int = 0, of floats: Int = 0) {
    guard chunks.count > current + 1,
      chunks.reduce(count * floats, { $0 + $1.capacity }) > Self.kept,
      count == 0 || !holds(count, of: floats)
    else { return }
    for chunk in chunks[(current + 1)...] { free(chunk.base) }
    chunks.removeSubrange((current + 1)...)
  }

  /// Whether there is a place for `count` pieces of `floats`.
  private func holds(_ count: Int, of floats: Int) -> Bool {
    let wanted = Self.aligned(floats)
    var (chunk, used, left) = (current, used, count)
    while left > 0, chunk < chunks.count {
      if used + wanted <= chunks[chunk].capacity {
        used += wanted
        left -= 1
      } else {
        chunk += 1
        used = 0
      }
    }
    return left == 0
  }

  private static func aligned(_ count: Int) -> Int {
    (max(count, 1) + alignment - 1) / alignment * alignment
  }

  /// `count` floats, not initialised, aligned to 64 bytes.
  ///
  /// - Throws: ``CoresError`` of kind `outOfMemory`.
  package func allocate(_ count: Int) throws(CoresError) -> UnsafeMutablePointer<Float> {
    let wanted = Self.aligned(count)
    while current < chunks.count {
      if used + wanted <= chunks[current].capacity {
        let start = chunks[current].base + used
        used += wanted
        return start
      }
      current += 1
      used = 0
    }
    let capacity = max(wanted, Self.smallestChunk)
    let base = try Self.chunk(capacity)
    chunks.append(Chunk(base: base, capacity: capacity))
    current = chunks.count - 1
    used = wanted
    return base
  }

  private static func chunk(_ count: Int) throws(CoresError) -> UnsafeMutablePointer<Float> {
    var address: UnsafeMutableRawPointer?
    let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
    guard !overflow, posix_memalign(&address, 4 * alignment, bytes) == 0, let address else {
      throw CoresError(.outOfMemory, "not enough memory: \(count) floats for activations")
    }
    return address.bindMemory(to: Float.self, capacity: count)
  }
}
