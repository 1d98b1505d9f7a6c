internal import CSndFile

/// A sound file that libsndfile has open: the one owner of its handle, confined to its thread.
struct SoundFile: ~Copyable {
  let sampleRate: Int
  let channels: Int

  private let handle: OpaquePointer

  /// Throws `damagedFile`. `memory` must outlive the file.
  init(_ memory: borrowing MemoryFile) throws(AudioIOError) {
    var callbacks = MemoryFile.callbacks
    var info = SF_INFO()
    let data = Unmanaged.passUnretained(copy memory).toOpaque()
    guard let handle = sf_open_virtual(&callbacks, Int32(SFM_READ), &info, data) else {
      // With no handle, libsndfile says why the last opening of the process failed.
      throw AudioIOError(
        .damagedFile, field: "audio", "cannot be read: \(String(cString: sf_strerror(nil)))")
    }
    self.handle = handle
    sampleRate = Int(info.samplerate)
    channels = Int(info.channels)
  }

  deinit { sf_close(handle) }

  /// All samples, (channel, sample). Throws `tooLarge` if there are more than `limit` a channel,
  /// `invalidSamples` where one is not finite.
  func read(atMost limit: Int) throws(AudioIOError) -> [[Float]] {
    let block = 16_384
    var interleaved = [Float](repeating: 0, count: block * channels)
    var sound = DecodedSound(channels: channels, sampleRate: sampleRate, limit: limit)
    while true {
      let count = Int(sf_readf_float(handle, &interleaved, sf_count_t(block)))
      guard count > 0 else { return sound.channels }
      try sound.append(interleaved, frames: count)
    }
  }
}
