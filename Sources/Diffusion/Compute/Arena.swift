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
/// nothing is allocated. Confined to the thread that runs the model; the pool's threads only see
/// tensors.
final class Arena {
  struct Mark {
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

  init() {}

  deinit { freeChunks() }

  private func freeChunks() {
    for chunk in chunks { free(chunk.base) }
    chunks = []
  }

  /// The present height of the stack, to return to with `release`.
  func mark() -> Mark { Mark(chunk: current, used: used) }

  /// Takes back everything made since the mark.
  func release(to mark: Mark) {
    current = mark.chunk
    used = mark.used
  }

  /// Takes everything back, and returns the memory to the system where it is much.
  func rewind() {
    if chunks.reduce(0, { $0 + $1.capacity }) > Self.kept { freeChunks() }
    current = 0
    used = 0
  }

  /// Returns what lies above the present height to the system where it is much: between two stages,
  /// of which the second asks for other sizes.
  func trim() {
    guard chunks.count > current + 1, chunks.reduce(0, { $0 + $1.capacity }) > Self.kept else {
      return
    }
    for chunk in chunks[(current + 1)...] { free(chunk.base) }
    chunks.removeSubrange((current + 1)...)
  }

  /// `count` floats, not initialised, aligned to 64 bytes.
  func floats(_ count: Int) throws(DiffusionError) -> UnsafeMutablePointer<Float> {
    let wanted = (max(count, 1) + Self.alignment - 1) / Self.alignment * Self.alignment
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
    let base = try FloatStorage.allocate(capacity, for: "activations")
    chunks.append(Chunk(base: base, capacity: capacity))
    current = chunks.count - 1
    used = wanted
    return base
  }

  func tensor(
    batch: Int, height: Int, width: Int, channels: Int
  ) throws(DiffusionError) -> Tensor {
    Tensor(
      data: try floats(batch * height * width * channels), batch: batch, height: height,
      width: width, channels: channels)
  }

  /// A tensor of the batch and size of `other`.
  func tensor(like other: Tensor, channels: Int? = nil) throws(DiffusionError) -> Tensor {
    try tensor(
      batch: other.batch, height: other.height, width: other.width,
      channels: channels ?? other.channels)
  }
}
