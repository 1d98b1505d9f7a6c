#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where daemon and clients meet when nobody says otherwise.
public enum RiffSocket {
  /// `$RIFF_SOCKET`, else `$XDG_RUNTIME_DIR/riffd.sock`, else `/tmp/riffd-UID/riffd.sock`. Empty
  /// variables count as unset.
  ///
  /// - Parameter environment: Looks a variable of the environment up.
  public static func standardPath(
    environment: (String) -> String? = { name in getenv(name).map { String(cString: $0) } }
  ) -> String {
    if let path = environment("RIFF_SOCKET"), !path.isEmpty { return path }
    if let folder = environment("XDG_RUNTIME_DIR"), !folder.isEmpty {
      return folder + "/riffd.sock"
    }
    return "/tmp/riffd-\(getuid())/riffd.sock"
  }
}
