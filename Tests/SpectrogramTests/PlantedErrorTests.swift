import CSpectrogramKernels
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What `make sanitize` is tried with: an error in C that has to be found.
@Suite struct PlantedErrorTests {
  @Test("floats are read between their places; the undefined behaviour sanitizer must say so")
  func misaligned() {
    guard getenv("RIFF_PLANT_UNDEFINED") != nil else { return }
    let bytes = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 16)
    defer { bytes.deallocate() }
    bytes.initializeMemory(as: UInt8.self, repeating: 0, count: 64)
    let between = (bytes + 1).assumingMemoryBound(to: Float.self)
    let out = (bytes + 32).assumingMemoryBound(to: Float.self)
    spectrogram_add(between, out, 4)
    #expect(out[0] == 0)
  }
}
