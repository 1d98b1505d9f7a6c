/// A sound file that is open, decoded a block at a time. Owned by one thread at a time; it is the one
/// owner of its library's handle.
protocol SoundDecoder: AnyObject {
  /// Of the file's beginning, in hertz.
  var sampleRate: Int { get }
  /// Of the file's beginning.
  var channels: Int { get }
  /// Seconds of sound that can be decoded, as far as that can be told without decoding; nil where
  /// it cannot.
  var duration: Double? { get }
  /// What was found wrong so far.
  var damage: SoundDamage { get }

  /// Goes on at the first frame at or after `seconds` without decoding what lies before, and returns the time it
  /// has come to, which may be earlier: what is too much then is dropped by the caller. Called at
  /// most once, before the first block.
  ///
  /// Throws `damagedFile`, `inputFailed`.
  func seek(to seconds: Double) throws(AudioIOError) -> Double

  /// The next frames, at least one; nil at the end. Damage is skipped and noted.
  ///
  /// Throws `damagedFile`, `inputFailed`.
  func next() throws(AudioIOError) -> SoundBlock?
}

extension SoundDecoder {
  func seek(to seconds: Double) throws(AudioIOError) -> Double { 0 }
}
