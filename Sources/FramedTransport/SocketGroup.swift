internal import Glibc

/// A group whose users may use a socket of one of them.
public struct SocketGroup: Hashable, Sendable {
  /// As it was given: a name, or a number in decimal.
  public let name: String
  /// Its number, as the kernel knows it.
  public let id: UInt32

  /// Asks nobody whether there is such a group.
  public init(name: String, id: UInt32) {
    self.name = name
    self.id = id
  }

  /// Looks a group up by its name, or by its number in decimal.
  ///
  /// - Throws: ``FramedTransportError`` with code `unknownGroup`.
  public init(named name: String) throws(FramedTransportError) {
    var group = Glibc.group()
    var found: UnsafeMutablePointer<Glibc.group>?
    // Names of members stand there, too: a large group needs more.
    var buffer = [CChar](repeating: 0, count: 1 << 12)
    var status = getgrnam_r(name, &group, &buffer, buffer.count, &found)
    while status == ERANGE, buffer.count < 1 << 24 {
      buffer = [CChar](repeating: 0, count: buffer.count * 4)
      status = getgrnam_r(name, &group, &buffer, buffer.count, &found)
    }
    if found != nil {
      self.init(name: name, id: group.gr_gid)
    } else if let id = UInt32(name), id != .max {
      self.init(name: name, id: id)
    } else {
      throw FramedTransportError(.unknownGroup, "there is no group “\(name)”")
    }
  }
}
