internal import CYAML

/// The keys of a YAML file, read by libyaml, each with a text, a list of texts, or keys of its own: what a
/// configuration needs of YAML.
public struct YAMLKeys: Sendable {
  /// What stands behind a key; scalars are text, whatever YAML calls their type.
  public enum Value: Equatable, Sendable {
    /// A scalar.
    case text(String)
    /// A sequence of scalars.
    case list([String])
    /// A mapping, in the file's order.
    case keys([Entry])
  }

  /// A key, and what stands behind it.
  public struct Entry: Equatable, Sendable {
    /// As it stands in the file.
    public var key: String
    /// Counted from 1.
    public var line: Int
    /// A text, a list of texts, or keys.
    public var value: Value
  }

  /// What is wrong, and in which line.
  public struct Failure: Error {
    /// Counted from 1.
    public var line: Int
    /// Without the file's name and the line.
    public var message: String

    /// A sentence about a line, counted from 1.
    public init(line: Int, message: String) {
      self.line = line
      self.message = message
    }
  }

  /// In the file's order; keys without a value are left out.
  public private(set) var entries: [Entry] = []

  /// Keys within keys within keys, and no deeper.
  private static let deepest = 3

  /// - Throws: ``Failure`` where it is not YAML, or anything but keys with texts, lists of texts or keys.
  public init(_ bytes: [UInt8]) throws(Failure) {
    // libyaml fills both in place and keeps pointers into them.
    let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    let document = UnsafeMutablePointer<yaml_document_t>.allocate(capacity: 1)
    defer {
      parser.deallocate()
      document.deallocate()
    }
    guard yaml_parser_initialize(parser) == 1 else {
      throw Failure(line: 1, message: "not enough memory to read it")
    }
    defer { yaml_parser_delete(parser) }
    let failure = bytes.withUnsafeBufferPointer { bytes -> Failure? in
      yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
      guard yaml_parser_load(parser, document) == 1 else { return Self.problem(parser.pointee) }
      return nil
    }
    if let failure { throw failure }
    defer { yaml_document_delete(document) }
    // A file without a document has no root.
    guard let root = yaml_document_get_root_node(document) else { return }
    self.entries = try Self.read(root.pointee, document, depth: 1)
  }

  private static func read(
    _ root: yaml_node_t, _ document: UnsafeMutablePointer<yaml_document_t>, depth: Int
  ) throws(Failure) -> [Entry] {
    var entries: [Entry] = []
    guard root.type == YAML_MAPPING_NODE else {
      throw Failure(line: Self.line(root), message: "expected keys and values")
    }
    var pair = root.data.mapping.pairs.start
    while let place = pair, place != root.data.mapping.pairs.top {
      pair = place + 1
      guard let key = yaml_document_get_node(document, place.pointee.key)?.pointee,
        let value = yaml_document_get_node(document, place.pointee.value)?.pointee,
        let name = Self.text(key)
      else { throw Failure(line: Self.line(root), message: "expected keys and values") }
      let line = Self.line(key)
      guard !entries.contains(where: { $0.key == name }) else {
        throw Failure(line: line, message: "\(name) is there twice")
      }
      if let text = Self.text(value) {
        if !text.isEmpty { entries.append(Entry(key: name, line: line, value: .text(text))) }
      } else if value.type == YAML_MAPPING_NODE, depth < Self.deepest {
        let keys = try Self.read(value, document, depth: depth + 1)
        entries.append(Entry(key: name, line: line, value: .keys(keys)))
      } else {
        let list = try Self.list(value, document, key: name)
        entries.append(Entry(key: name, line: line, value: .list(list)))
      }
    }
    return entries
  }

  private static func list(
    _ node: yaml_node_t, _ document: UnsafeMutablePointer<yaml_document_t>, key: String
  ) throws(Failure) -> [String] {
    var texts: [String] = []
    var item = node.type == YAML_SEQUENCE_NODE ? node.data.sequence.items.start : nil
    guard item != nil else {
      throw Failure(line: Self.line(node), message: "\(key) must be a text or a list of texts")
    }
    while let place = item, place != node.data.sequence.items.top {
      item = place + 1
      guard let entry = yaml_document_get_node(document, place.pointee)?.pointee,
        let text = Self.text(entry)
      else {
        throw Failure(line: Self.line(node), message: "\(key) must be a text or a list of texts")
      }
      texts.append(text)
    }
    return texts
  }

  /// A scalar's text; nil for another node.
  private static func text(_ node: yaml_node_t) -> String? {
    guard node.type == YAML_SCALAR_NODE else { return nil }
    let scalar = node.data.scalar
    return String(
      decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
  }

  private static func line(_ node: yaml_node_t) -> Int { Int(node.start_mark.line) + 1 }

  private static func problem(_ parser: yaml_parser_t) -> Failure {
    let message = parser.problem.map { String(cString: $0) } ?? "it cannot be read"
    return Failure(line: Int(parser.problem_mark.line) + 1, message: "not YAML: \(message)")
  }
}
