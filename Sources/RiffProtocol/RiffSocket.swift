#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where daemon and clients meet when nobody says otherwise.
public enum RiffSocket {
  /// `$RIFF_SOCKET`, unless it is empty or unset: the socket that the user has named.
  ///
  /// - Parameter environment: Looks a variable of the environment up.
  public static func named(
    environment: (String) -> String? = { name in getenv(name).map { String(cString: $0) } }
  ) -> String? {
    guard let path = environment("RIFF_SOCKET"), !path.isEmpty else { return nil }
    return path
  }

  /// framing.md, section 1: `$RIFF_SOCKET`, else `riffd.sock` in `$XDG_RUNTIME_DIR` where that is
  /// private, else in its folder `riffd` where nobody else could have made that, else in
  /// `/tmp/riffd-UID`. Empty variables count as unset.
  ///
  /// - Parameter environment: Looks a variable of the environment up.
  public static func standardPath(
    environment: (String) -> String? = { name in getenv(name).map { String(cString: $0) } }
  ) -> String {
    if let path = Self.named(environment: environment) { return path }
    if let folder = environment("XDG_RUNTIME_DIR"), !folder.isEmpty {
      switch Self.permissions(ofOwn: folder) {
      case 0o700?: return folder + "/riffd.sock"
      case let mode? where mode & 0o022 == 0: return folder + "/riffd/riffd.sock"
      case .some, nil: break
      }
    }
    return "/tmp/riffd-\(getuid())/riffd.sock"
  }

  /// The permissions of a real folder of this user; nil if it is something else.
  private static func permissions(ofOwn folder: String) -> mode_t? {
    var status = stat()
    guard lstat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR,
      status.st_uid == geteuid()
    else { return nil }
    return status.st_mode & 0o777
  }
}
