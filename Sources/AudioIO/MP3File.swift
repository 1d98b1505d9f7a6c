internal import CMPG123

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// An MPEG audio file that libmpg123 has open: the one owner of its handle, confined to its thread.
///
/// libsndfile would use the same library, but leaves it free to print on the daemon's standard error
/// what it thinks of a damaged file.
struct MP3File: ~Copyable {
  let sampleRate: Int
  let channels: Int

  private let handle: OpaquePointer

  /// Throws `damagedFile`. `memory` must outlive the file.
  init(_ memory: borrowing MemoryFile) throws(AudioIOError) {
    var status: Int32 = 0
    guard let handle = mpg123_new(nil, &status) else {
      throw AudioIOError(
        .codecFailed, field: "MP3 decoder",
        "cannot be made: \(String(cString: mpg123_plain_strerror(status)))")
    }
    let flags =
      MPG123_QUIET.rawValue | MPG123_FORCE_FLOAT.rawValue | MPG123_GAPLESS.rawValue
      | MPG123_SKIP_ID3V2.rawValue
    let (read, seek) = Self.callbacks
    let data = Unmanaged.passUnretained(copy memory).toOpaque()
    var (rate, channels, encoding) = (0, Int32(0), Int32(0))
    for step in [
      { mpg123_param2(handle, Int32(MPG123_ADD_FLAGS.rawValue), Int(flags), 0) },
      {
        mpg123_param2(
          handle, Int32(MPG123_REMOVE_FLAGS.rawValue), Int(MPG123_AUTO_RESAMPLE.rawValue), 0)
      },
      { mpg123_replace_reader_handle(handle, read, seek, nil) },
      { mpg123_open_handle(handle, data) },
      { mpg123_getformat(handle, &rate, &channels, &encoding) },
    ] where step() != Int32(MPG123_OK.rawValue) {
      let reason = String(cString: mpg123_strerror(handle))
      mpg123_delete(handle)
      throw AudioIOError(.damagedFile, field: "audio", "cannot be read as MP3: \(reason)")
    }
    guard encoding == Int32(MPG123_ENC_FLOAT_32.rawValue) else {
      mpg123_delete(handle)
      throw AudioIOError(.codecFailed, field: "MP3 decoder", "this libmpg123 makes no floats")
    }
    self.handle = handle
    sampleRate = rate
    self.channels = Int(channels)
  }

  deinit { mpg123_delete(handle) }

  /// All samples, (channel, sample), without what the encoder added at the ends if the file says
  /// so. Damaged frames are passed over. Throws `tooLarge`, `invalidSamples`, and `damagedFile`
  /// where rate or channels change on the way.
  func read(atMost limit: Int) throws(AudioIOError) -> [[Float]] {
    var sound = DecodedSound(channels: channels, sampleRate: sampleRate, limit: limit)
    var block = [Float](repeating: 0, count: 16_384 * channels)
    while true {
      var bytes = 0
      let status = block.withUnsafeMutableBytes { block in
        mpg123_read(handle, block.baseAddress, block.count, &bytes)
      }
      try sound.append(block, frames: bytes / (4 * channels))
      if status == MPG123_NEW_FORMAT.rawValue {
        try checkFormat()
      } else if status != Int32(MPG123_OK.rawValue) {
        // The end, or damage that it does not get over: what came before stands.
        return sound.channels
      }
    }
  }

  private func checkFormat() throws(AudioIOError) {
    var (rate, channels, encoding) = (0, Int32(0), Int32(0))
    guard mpg123_getformat(handle, &rate, &channels, &encoding) == Int32(MPG123_OK.rawValue),
      rate == sampleRate, Int(channels) == self.channels
    else {
      throw AudioIOError(
        .damagedFile, field: "audio",
        "its rate or number of channels changes on the way; convert it: "
          + "ffmpeg -i input.mp3 output.flac")
    }
  }

  private typealias Read =
    @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?, Int) -> Int
  private typealias Seek = @convention(c) (UnsafeMutableRawPointer?, Int, Int32) -> Int

  /// What libmpg123 calls, with a `MemoryFile` as user data.
  private static var callbacks: (Read, Seek) {
    (
      { data, target, count in
        Int(MemoryFile.from(data)?.read(target, count: Int64(count)) ?? -1)
      },
      { data, offset, whence in
        Int(MemoryFile.from(data)?.seek(Int64(offset), whence: whence) ?? -1)
      }
    )
  }
}
