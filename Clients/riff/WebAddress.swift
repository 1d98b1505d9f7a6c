import FramedTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// An address of riff-web's page, with the token that lets one browser in.
struct WebAddress {
  var text: String

  /// Asks a riff-web that runs already, at its socket beside the daemon's; nil where none answers.
  static func fromRunning(daemonSocket: String) -> WebAddress? {
    // Whose folder it is decides whom to believe.
    guard let path = try? SocketPath(daemonSocket + ".web"),
      (try? SocketDirectory.verify(path.directory)) != nil
    else { return nil }
    let descriptor = path.connect()
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return Self.line(from: descriptor).map { WebAddress(text: $0) }
  }

  /// The first line that comes; nil where the other side ends before it.
  static func line(from descriptor: Int32) -> String? {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while bytes.count < 4_096 {
      let count = read(descriptor, &byte, 1)
      if count < 0, errno == EINTR { continue }
      guard count == 1 else { return nil }
      if byte == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(byte)
    }
    return nil
  }

  /// The same address for a link to a moment: what stands after its `#` comes along, a token in it does not.
  func opening(_ link: String) -> WebAddress {
    guard let mark = link.firstIndex(of: "#") else { return self }
    let fields = link[link.index(after: mark)...].split(separator: "&")
      .filter { !$0.hasPrefix("enter=") }
    let fragment = fields.joined(separator: "&")
    return fragment.isEmpty ? self : WebAddress(text: self.text + "&" + Self.escaped(fragment))
  }

  /// What may stand in a fragment stays (RFC 3986, section 3.5); other bytes are percent-encoded.
  private static func escaped(_ text: String) -> String {
    let plain = Set("-._~!$&'()*+,;=:@/?%".utf8)
    return text.utf8.map { byte in
      let isPlain =
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
        || (0x61...0x7A).contains(byte) || plain.contains(byte)
      if isPlain { return String(UnicodeScalar(byte)) }
      let digits = String(byte, radix: 16, uppercase: true)
      return "%" + (digits.utf8.count == 1 ? "0" : "") + digits
    }.joined()
  }

  /// The page that sends a browser there. The token stands in a file that only its owner reads, not on a
  /// command line, which everybody sees.
  var redirect: String {
    let address = self.text.replacingMarks()
    return """
      <!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">
      <meta http-equiv="refresh" content="0;url=\(address)"><title>riff</title>
      <p><a href="\(address)">riff</a></p>

      """
  }
}

extension String {
  /// With HTML's marks as entities.
  fileprivate func replacingMarks() -> String {
    self.map { sign in
      switch sign {
      case "&": "&amp;"
      case "\"": "&quot;"
      case "'": "&#39;"
      case "<": "&lt;"
      case ">": "&gt;"
      default: String(sign)
      }
    }.joined()
  }
}
