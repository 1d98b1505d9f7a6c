internal import CMPG123

/// libmpg123, fed one frame at a time: the one owner of its handle.
///
/// libsndfile would use the same library, but leaves it free to print on the daemon's standard error
/// what it thinks of a damaged file.
final class MPEGDecoder {
  private let handle: OpaquePointer

  /// Throws `codecFailed`, `outOfMemory`.
  init() throws(AudioIOError) {
    let memory = MemoryWatch()
    var status: Int32 = 0
    guard let handle = mpg123_new(nil, &status) else {
      try memory.check("MP3 decoder")
      throw AudioIOError(
        .codecFailed, field: "MP3 decoder",
        "cannot be made: \(String(cString: mpg123_plain_strerror(status)))")
    }
    self.handle = handle
    let added = MPG123_QUIET.rawValue | MPG123_FORCE_FLOAT.rawValue | MPG123_NO_READAHEAD.rawValue
    let removed =
      MPG123_AUTO_RESAMPLE.rawValue | MPG123_GAPLESS.rawValue
    guard
      mpg123_param2(handle, Int32(MPG123_ADD_FLAGS.rawValue), Int(added), 0)
        == Int32(MPG123_OK.rawValue),
      mpg123_param2(handle, Int32(MPG123_REMOVE_FLAGS.rawValue), Int(removed), 0)
        == Int32(MPG123_OK.rawValue),
      mpg123_open_feed(handle) == Int32(MPG123_OK.rawValue)
    else {
      // `deinit` frees the handle.
      try memory.check("MP3 decoder")
      throw AudioIOError(
        .codecFailed, field: "MP3 decoder", String(cString: mpg123_strerror(handle)))
    }
  }

  deinit { mpg123_delete(handle) }

  /// Forgets the frames before: the next one does not follow on them.
  func reset() { mpg123_open_feed(handle) }

  /// A frame's samples, (frame, channel); nil where it cannot be decoded. Throws `outOfMemory`.
  func decode(
    _ bytes: [UInt8], frames: Int, channels: Int
  ) throws(AudioIOError) -> [Float]? {
    let memory = MemoryWatch()
    guard mpg123_feed(handle, bytes, bytes.count) == Int32(MPG123_OK.rawValue) else {
      try memory.check("MP3 decoder")
      reset()
      return nil
    }
    while true {
      var (number, size) = (0, 0)
      var audio: UnsafeMutablePointer<UInt8>?
      let status = mpg123_decode_frame(handle, &number, &audio, &size)
      if status == MPG123_NEW_FORMAT.rawValue { continue }
      let count = frames * channels
      guard status == Int32(MPG123_OK.rawValue), let audio, size == 4 * count else {
        try memory.check("MP3 decoder")
        reset()
        return nil
      }
      return audio.withMemoryRebound(to: Float.self, capacity: count) {
        Array(UnsafeBufferPointer(start: $0, count: count))
      }
    }
  }
}
