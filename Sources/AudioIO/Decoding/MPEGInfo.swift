/// What an encoder says in a first frame that holds no sound: "Xing" or "Info", with LAME's extension,
/// or "VBRI".
struct MPEGInfo {
  /// Frames that follow; nil where it does not say.
  var frames: Int?
  /// Sample frames that the encoder put before the sound, and behind it; nil where it does not say.
  var delay: Int?
  var padding: Int?

  /// Nil where the frame is an ordinary one.
  init?(_ frame: [UInt8], _ header: MPEGHeader) {
    guard header.layer == 3 else { return nil }
    func has(_ text: String, at place: Int) -> Bool {
      frame.dropFirst(place).starts(with: text.utf8)
    }
    func number(at place: Int) -> Int? {
      guard place + 4 <= frame.count else { return nil }
      return frame[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
    }
    let place = MPEGHeader.length + header.sideInformation
    if has("VBRI", at: MPEGHeader.length + 32) {
      frames = number(at: MPEGHeader.length + 32 + 14)
      return
    }
    // Some encoders count the check sum in.
    guard
      let start = [place, place + 2].first(where: { has("Xing", at: $0) || has("Info", at: $0) })
    else { return nil }
    guard let flags = number(at: start + 4) else { return }
    var at = start + 8
    if flags & 1 != 0 {
      frames = number(at: at)
      at += 4
    }
    if flags & 2 != 0 { at += 4 }
    if flags & 4 != 0 { at += 100 }
    if flags & 8 != 0 { at += 4 }
    // Nine bytes of the encoder's name, twelve of other things, then twice twelve bits.
    guard at + 24 <= frame.count, has("LAME", at: at) || has("Lav", at: at) else { return }
    delay = Int(frame[at + 21]) << 4 | Int(frame[at + 22]) >> 4
    padding = Int(frame[at + 22] & 0xF) << 8 | Int(frame[at + 23])
  }
}
