/// `channels`, if that is 1 to `limit`. Throws `invalidParameter`.
func checkedChannels(_ channels: Int, limit: Int = 8) throws(AudioIOError) -> Int {
  guard (1...limit).contains(channels) else {
    throw AudioIOError(
      .invalidParameter, field: "channels", "channels must be 1 to \(limit), not \(channels)")
  }
  return channels
}
