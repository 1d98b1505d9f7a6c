/// The version that `--version`, `Status` and the files we make tell.
public enum DaemonVersion {
  public static let current = "0.1.0"
}
