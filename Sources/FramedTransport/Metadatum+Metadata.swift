internal import GRPCCore

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// Metadata between GRPCCore and the wire (framing.md, section 4): keys in lower case, `-bin` values
/// as raw bytes, all others printable ASCII.
extension Metadatum {
  static func list(_ metadata: Metadata) throws(RPCError) -> [Metadatum] {
    guard metadata.count <= MetadataLimit.entries else {
      throw RPCError(
        code: .resourceExhausted,
        message: "the metadata has \(metadata.count) entries; the limit is \(MetadataLimit.entries)"
      )
    }
    var list: [Metadatum] = []
    list.reserveCapacity(metadata.count)
    for (key, value) in metadata { list.append(try Metadatum(key: key, value: value)) }
    return list
  }

  private init(key: String, value: GRPCCore.Metadata.Value) throws(RPCError) {
    self.init()
    self.key = key.lowercased()
    guard Self.isKey(self.key) else { throw Self.badKey(key) }
    switch (value, self.key.hasSuffix("-bin")) {
    case (.binary(let bytes), true):
      self.binary = Data(bytes)
    case (.string(let text), true):
      // GRPCCore lets a binary value stand as base64 text; its own view decodes it.
      var one = Metadata()
      one.addString(text, forKey: key)
      guard let bytes = one[binaryValues: key].first(where: { _ in true }) else {
        throw RPCError(
          code: .invalidArgument, message: "the metadatum \"\(key)\" is not valid base64")
      }
      self.binary = Data(bytes)
    case (.string(let text), false):
      guard Self.isText(text) else { throw Self.badText(key) }
      self.text = text
    case (.binary, false):
      throw RPCError(
        code: .invalidArgument,
        message: "the metadatum \"\(key)\" is binary; its key must end in \"-bin\"")
    }
  }

  static func isKey(_ key: String) -> Bool {
    !key.isEmpty
      && key.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."): true
        default: false
        }
      }
  }

  static func isText(_ text: String) -> Bool {
    text.utf8.allSatisfy { (0x20...0x7e).contains($0) }
  }

  static func badKey(_ key: String) -> RPCError {
    RPCError(
      code: .invalidArgument,
      message: "the metadata key \"\(key.prefix(64))\" may have only a-z 0-9 _ - .")
  }

  static func badText(_ key: String) -> RPCError {
    RPCError(
      code: .invalidArgument,
      message: "the value of the metadatum \"\(key)\" must be printable ASCII")
  }
}

extension Metadata {
  /// Reads what came over the wire.
  init(_ list: [Metadatum]) throws(RPCError) {
    guard list.count <= MetadataLimit.entries else {
      throw RPCError(
        code: .resourceExhausted,
        message: "the metadata has \(list.count) entries; the limit is \(MetadataLimit.entries)")
    }
    self.init()
    self.reserveCapacity(list.count)
    for metadatum in list {
      let key = metadatum.key
      guard Metadatum.isKey(key) else { throw Metadatum.badKey(key) }
      switch (metadatum.value, key.hasSuffix("-bin")) {
      case (.text(let text), false):
        guard Metadatum.isText(text) else { throw Metadatum.badText(key) }
        self.addString(text, forKey: key)
      case (nil, false):
        self.addString("", forKey: key)
      case (.binary(let data), true):
        self.addBinary([UInt8](data), forKey: key)
      case (nil, true):
        self.addBinary([], forKey: key)
      case (.text, true), (.binary, false):
        throw RPCError(
          code: .invalidArgument,
          message:
            "the metadatum \"\(key)\" must be binary if, and only if, its key ends in \"-bin\"")
      }
    }
  }

  /// Takes `grpc-timeout` out. More than one, or one of another form, is an error.
  mutating func takeTimeout() throws(RPCError) -> CallTimeout? {
    var values = self[stringValues: CallTimeout.key].makeIterator()
    guard let text = values.next() else { return nil }
    guard values.next() == nil, let timeout = CallTimeout(text) else {
      throw RPCError(
        code: .invalidArgument,
        message: "grpc-timeout must be given once, as 1 to 8 digits and one of H M S m u n")
    }
    self.removeAllValues(forKey: CallTimeout.key)
    return timeout
  }
}
