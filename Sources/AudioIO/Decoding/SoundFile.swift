internal import CSndFile
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A WAV or AIFF file that libsndfile has open.
final class SoundFile: SoundDecoder {
  let sampleRate: Int
  let channels: Int
  let duration: Double?
  var damage: SoundDamage

  private let handle: OpaquePointer
  private let cursor: SourceCursor
  private var block: [Float]

  private static let opening = Mutex(())
  /// Frames of a block.
  private static let blockFrames = 16_384

  /// - Parameter damage: What is known of the file already.
  /// - Throws: `damagedFile`, `inputFailed`.
  init(_ source: any ByteSource, damage: SoundDamage = SoundDamage()) throws(AudioIOError) {
    let cursor = SourceCursor(source)
    self.cursor = cursor
    var callbacks = Self.callbacks
    var info = SF_INFO()
    // With no handle, libsndfile says why the last opening of the process failed: one at a time.
    let data = cursor.pointer
    let memory = MemoryWatch()
    let (opened, reason) = Self.opening.withLock { _ in
      let opened = sf_open_virtual(&callbacks, Int32(SFM_READ), &info, data)
      return (UInt(bitPattern: opened), opened == nil ? String(cString: sf_strerror(nil)) : "")
    }
    guard let handle = OpaquePointer(bitPattern: opened) else {
      try cursor.checkFailure()
      try memory.check("decoder")
      throw AudioIOError(.damagedFile, field: "audio", "cannot be read: \(reason)")
    }
    self.handle = handle
    sampleRate = Int(info.samplerate)
    channels = Int(info.channels)
    duration =
      info.samplerate > 0 && info.frames >= 0 && info.frames < Int64.max
      ? Double(info.frames) / Double(info.samplerate) : nil
    self.damage = damage
    block = []
  }

  deinit { sf_close(handle) }

  func seek(to seconds: Double) throws(AudioIOError) -> Double {
    let frame = sf_count_t(min(seconds * Double(sampleRate), 1e15))
    let reached = sf_seek(handle, frame, Int32(SEEK_SET))
    try cursor.checkFailure()
    if reached < 0 {
      // Beyond the end there is nothing; codecs that cannot seek are decoded from the start.
      _ = sf_seek(handle, 0, Int32(SEEK_SET))
      return 0
    }
    return Double(reached) / Double(sampleRate)
  }

  func next() throws(AudioIOError) -> SoundBlock? {
    if block.isEmpty { block = [Float](repeating: 0, count: Self.blockFrames * channels) }
    let count = Int(sf_readf_float(handle, &block, sf_count_t(Self.blockFrames)))
    try cursor.checkFailure()
    guard count > 0 else { return nil }
    return SoundBlock(
      sampleRate: sampleRate, channels: channels, samples: Array(block.prefix(count * channels)))
  }

  /// What libsndfile calls, with a `SourceCursor` as user data.
  private static var callbacks: SF_VIRTUAL_IO {
    SF_VIRTUAL_IO(
      get_filelen: { sf_count_t(SourceCursor.from($0)?.source.count ?? 0) },
      seek: { offset, whence, data in
        sf_count_t(SourceCursor.from(data)?.seek(offset, from: .init(whence)) ?? -1)
      },
      read: { target, count, data in
        sf_count_t(SourceCursor.from(data)?.read(target, count: Int(count)) ?? 0)
      },
      write: { _, _, _ in 0 },
      tell: { sf_count_t(SourceCursor.from($0)?.place ?? 0) })
  }
}
