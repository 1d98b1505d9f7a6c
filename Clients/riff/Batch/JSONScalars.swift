#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A JSON value as the words of a command line: a text, a number or a boolean is one, a list has several,
/// null none.
struct JSONScalars: Decodable {
  var words: [String]

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self.words = []
    } else if let text = try? container.decode(String.self) {
      self.words = [text]
    } else if let flag = try? container.decode(Bool.self) {
      self.words = ["\(flag)"]
    } else if let number = try? container.decode(UInt64.self) {
      self.words = ["\(number)"]
    } else if let number = try? container.decode(Int64.self) {
      self.words = ["\(number)"]
    } else if let number = try? container.decode(Double.self) {
      self.words = ["\(number)"]
    } else {
      self.words = try container.decode([JSONScalars].self).flatMap(\.words)
    }
  }
}
