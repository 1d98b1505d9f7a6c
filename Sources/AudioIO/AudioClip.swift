/// Sound in memory: samples of shape (channel, sample), full scale ±1.
public struct AudioClip: Sendable, Equatable {
  /// In hertz.
  public var sampleRate: Int

  /// One array a channel, all of the same length.
  public var channels: [[Float]]

  /// Takes them as they are; what reads the clip checks that the channels are of one length.
  public init(sampleRate: Int, channels: [[Float]]) {
    self.sampleRate = sampleRate
    self.channels = channels
  }

  /// Samples a channel.
  public var sampleCount: Int { channels.first?.count ?? 0 }
}
