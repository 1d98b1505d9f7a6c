internal import CSndFile

/// A sound file that libsndfile writes: the one owner of its handle, confined to its thread.
final class SoundFileWriter {
  /// What has been written.
  let file = GrowingFile()

  private let channels: Int
  private let name: String
  private var handle: OpaquePointer?

  /// - Parameters:
  ///   - name: of the codec, for errors.
  ///   - format: libsndfile's code.
  ///   - compression: libsndfile's level, 0 to 1, most last.
  /// - Throws: `codecFailed`, `outOfMemory`.
  init(
    _ name: String, format: Int, channels: Int, compression: Double
  ) throws(AudioIOError) {
    self.name = name
    self.channels = channels
    var callbacks = GrowingFile.callbacks
    var info = SF_INFO()
    info.samplerate = Int32(OutputFormat.sampleRate)
    info.channels = Int32(channels)
    info.format = Int32(format)
    let memory = MemoryWatch()
    handle = sf_open_virtual(
      &callbacks, Int32(SFM_WRITE), &info, Unmanaged.passUnretained(file).toOpaque())
    guard let handle else {
      try memory.check(name)
      throw AudioIOError(
        .codecFailed, field: name, "this libsndfile was built without \(name)")
    }
    // Constant, where a format has rates; libsndfile answers 0 both for yes and for no.
    var mode = Int32(SF_BITRATE_MODE_CONSTANT)
    sf_command(handle, Int32(SFC_SET_BITRATE_MODE), &mode, Int32(MemoryLayout<Int32>.size))
    var level = compression
    guard
      sf_command(
        handle, Int32(SFC_SET_COMPRESSION_LEVEL), &level, Int32(MemoryLayout<Double>.size))
        == SF_TRUE
    else {
      // FLAC's encoder is made anew for it.
      try memory.check(name)
      throw AudioIOError(.codecFailed, field: name, "libsndfile refuses the compression level")
    }
  }

  deinit { if let handle { sf_close(handle) } }

  /// Whole sample frames, interleaved, full scale ±1. Throws `codecFailed`.
  func write(_ interleaved: [Float]) throws(AudioIOError) {
    let frames = interleaved.count / channels
    try check(frames) { sf_writef_float($0, interleaved, sf_count_t(frames)) }
  }

  /// Whole sample frames, interleaved, full scale 2³¹. Throws `codecFailed`.
  func write(_ interleaved: [Int32]) throws(AudioIOError) {
    let frames = interleaved.count / channels
    try check(frames) { sf_writef_int($0, interleaved, sf_count_t(frames)) }
  }

  /// Writes what is left, and the head again. Nothing may be written afterwards. Throws `codecFailed`,
  /// `outOfMemory`.
  func close() throws(AudioIOError) {
    guard let handle else { return }
    self.handle = nil
    let memory = MemoryWatch()
    let status = sf_close(handle)
    // A codec's failure at its end may be lost behind the file's success.
    try memory.check(name)
    guard status == 0 else {
      throw AudioIOError(
        .codecFailed, field: name, "cannot be ended: \(String(cString: sf_error_number(status)))")
    }
  }

  private func check(
    _ frames: Int, _ write: (OpaquePointer) -> sf_count_t
  ) throws(AudioIOError) {
    guard let handle else {
      throw AudioIOError(
        .invalidSamples, field: "samples", "the samples come after the end of the stream")
    }
    let memory = MemoryWatch()
    guard write(handle) == sf_count_t(frames) else {
      try memory.check(name)
      throw AudioIOError(
        .codecFailed, field: name, "cannot encode: \(String(cString: sf_strerror(handle)))")
    }
  }
}
