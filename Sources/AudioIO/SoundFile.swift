internal import CSndFile

/// A sound file that libsndfile has open: the one owner of its handle, confined to its thread.
struct SoundFile: ~Copyable {
  let sampleRate: Int
  let channels: Int

  private let handle: OpaquePointer

  /// Samples above this are no sound any more: full scale is 1, and files that scale their floats
  /// by 2¹⁵ or more should say so by being integers.
  private static let loudest: Float = 65_536

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
    var result = [[Float]](repeating: [], count: channels)
    while true {
      let count = Int(sf_readf_float(handle, &interleaved, sf_count_t(block)))
      guard count > 0 else { return result }
      let soFar = result[0].count
      guard soFar + count <= limit else {
        throw AudioIOError(
          .tooLarge, field: "audio",
          "longer than \(Double(limit) / Double(sampleRate)) s, the most that is taken")
      }
      for channel in 0..<channels {
        for frame in 0..<min(count, block) {
          let sample = interleaved[frame * channels + channel]
          // Written so that NaN fails.
          guard abs(sample) <= Self.loudest else {
            throw AudioIOError(
              .invalidSamples, field: "audio",
              "sample \(soFar + frame) of channel \(channel + 1) is \(sample); full scale is 1")
          }
          result[channel].append(sample)
        }
      }
    }
  }
}
