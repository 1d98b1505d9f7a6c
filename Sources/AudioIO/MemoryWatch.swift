#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Tells a codec that got no memory from one that was given a damaged file or was built without a format:
/// many say the same of both. `malloc` sets ENOMEM, and nothing else that they call does. To be made before
/// the codec's call, and asked after it on the same thread.
struct MemoryWatch {
  init() {
    errno = 0
  }

  /// - Throws: `outOfMemory`.
  func check(_ codec: String) throws(AudioIOError) {
    guard errno != ENOMEM else { throw Self.failure(codec) }
  }

  static func failure(_ codec: String) -> AudioIOError {
    AudioIOError(.outOfMemory, field: codec, "there is not enough memory")
  }
}
