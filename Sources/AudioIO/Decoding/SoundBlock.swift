/// Some sample frames as a decoder hands them over.
struct SoundBlock {
  /// In hertz; links of one file may differ in it.
  var sampleRate: Int
  var channels: Int
  /// (frame, channel), full scale ±1.
  var samples: [Float]

  var frames: Int { samples.count / channels }

  /// Without its first frames.
  func dropping(_ frames: Int) -> SoundBlock {
    SoundBlock(
      sampleRate: sampleRate, channels: channels,
      samples: Array(samples.dropFirst(frames * channels)))
  }

  /// Its first frames.
  func prefix(_ frames: Int) -> SoundBlock {
    guard frames < self.frames else { return self }
    return SoundBlock(
      sampleRate: sampleRate, channels: channels, samples: Array(samples.prefix(frames * channels)))
  }

  /// By channel: one, the mean of all; two, the first two, or the only one twice; nil, as they are.
  func mixed(to wanted: Int?) -> [[Float]] {
    let frames = self.frames
    func channel(_ index: Int) -> [Float] {
      [Float](unsafeUninitializedCapacity: frames) { buffer, filled in
        for frame in 0..<frames { buffer[frame] = samples[frame * channels + index] }
        filled = frames
      }
    }
    switch wanted {
    case nil: return (0..<channels).map(channel)
    case 1?:
      guard channels > 1 else { return [samples] }
      var mean = channel(0)
      for index in 1..<channels {
        for frame in 0..<frames { mean[frame] += samples[frame * channels + index] }
      }
      let scale = 1 / Float(channels)
      for frame in mean.indices { mean[frame] *= scale }
      return [mean]
    case let wanted?: return (0..<wanted).map { channel(min($0, channels - 1)) }
    }
  }
}
