/// A text that stands in a PNG file beside its picture (PNG specification, 11.3.4).
public struct PictureText: Sendable, Equatable {
  /// 1 to 79 characters of printable ASCII, such as "Title".
  public var keyword: String
  /// UTF-8; written as Latin-1 where that is enough for it.
  public var text: String

  /// A keyword, and what it says.
  public init(_ keyword: String, _ text: String) {
    self.keyword = keyword
    self.text = text
  }

  /// The text as tEXt has it, if Latin-1 is enough for it: printable characters and line feeds.
  var latin1: [UInt8]? {
    var bytes: [UInt8] = []
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x0A, 0x20...0x7E, 0xA0...0xFF: bytes.append(UInt8(scalar.value))
      default: return nil
      }
    }
    return bytes
  }

  /// As iTXt has it; a zero, which would end it, becomes a question mark.
  var utf8: [UInt8] { text.utf8.map { $0 == 0 ? UInt8(ascii: "?") : $0 } }
}
