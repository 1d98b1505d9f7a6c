/// Zeroed floats on a 64-byte boundary, the alignment that every FFTW plan and vector loop here
/// may count on. Confined to the owner's thread, or shared by threads that keep to disjoint parts.
final class AlignedBuffer {
  let count: Int
  let pointer: UnsafeMutablePointer<Float>

  init(_ count: Int) {
    self.count = count
    let raw = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * 4, alignment: 64)
    pointer = raw.bindMemory(to: Float.self, capacity: max(count, 1))
    pointer.initialize(repeating: 0, count: count)
  }

  deinit { pointer.deallocate() }

  func clear() { pointer.update(repeating: 0, count: count) }
}
