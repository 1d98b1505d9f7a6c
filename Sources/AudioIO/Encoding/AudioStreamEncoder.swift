/// Sound to the bytes of a stream, as it comes. The concatenation of what `append` and `finish`
/// return is the whole stream.
///
/// Owned by one thread at a time.
public protocol AudioStreamEncoder: AnyObject {
  /// Channels that every call brings.
  var channels: Int { get }

  /// After `finish`: bytes to put in the place of as many first ones, where the stream is in a file
  /// that can be written again. They say what was not known when the first ones left: how long the
  /// sound is. Empty for formats that say it elsewhere.
  var finalHead: [UInt8] { get }

  /// Takes samples (channel, sample), full scale ±1, 48 kHz; returns the bytes that are ready,
  /// maybe none. Throws `invalidSamples`, `codecFailed`.
  func append(_ samples: [[Float]]) throws(AudioIOError) -> [UInt8]

  /// The rest of the stream; nothing may be appended after it. Throws `codecFailed`.
  func finish() throws(AudioIOError) -> [UInt8]
}

extension AudioStreamEncoder {
  public var finalHead: [UInt8] { [] }
}
