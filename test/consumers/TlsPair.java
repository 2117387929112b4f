import java.io.FileInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.util.Collections;
import java.util.concurrent.CompletableFuture;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * A TLS server and a client in Java, each with a keystore and a truststore that certlet wrote: both show their certificate and
 * both look at the other's. Reads lines of "type keystore truststore passwordfile" and writes one line of JSON-like facts for
 * each.
 */
class TlsPair {
  static KeyStore load(String type, String path, char[] password) throws Exception {
    KeyStore store = KeyStore.getInstance(type);
    try (FileInputStream in = new FileInputStream(path)) {
      store.load(in, password);
    }
    return store;
  }

  static String describe(KeyStore store, char[] password) throws Exception {
    StringBuilder text = new StringBuilder();
    for (String alias : Collections.list(store.aliases()).stream().sorted().toList()) {
      boolean isKey = store.isKeyEntry(alias);
      int length = isKey ? store.getCertificateChain(alias).length : 1;
      String algorithm = isKey ? store.getKey(alias, password).getAlgorithm() : "trusted";
      text.append(text.length() == 0 ? "" : ",").append(alias).append('=').append(algorithm).append('/').append(length);
    }
    return text.toString();
  }

  static SSLContext context(KeyStore keys, KeyStore trusted, char[] password) throws Exception {
    KeyManagerFactory keyManagers = KeyManagerFactory.getInstance("PKIX");
    keyManagers.init(keys, password);
    TrustManagerFactory trustManagers = TrustManagerFactory.getInstance("PKIX");
    trustManagers.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keyManagers.getKeyManagers(), trustManagers.getTrustManagers(), null);
    return context;
  }

  static String subject(SSLSession session) throws Exception {
    return ((X509Certificate) session.getPeerCertificates()[0]).getSubjectX500Principal().getName();
  }

  static String talk(SSLContext context) throws Exception {
    try (SSLServerSocket listening = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(0)) {
      listening.setNeedClientAuth(true);
      listening.setSoTimeout(20000);
      CompletableFuture<String> served = CompletableFuture.supplyAsync(() -> {
        try (SSLSocket socket = (SSLSocket) listening.accept()) {
          socket.getInputStream().read();
          socket.getOutputStream().write(42);
          return subject(socket.getSession());
        } catch (Exception failure) {
          throw new IllegalStateException(failure);
        }
      });
      try (SSLSocket socket =
          (SSLSocket) context.getSocketFactory().createSocket("localhost", listening.getLocalPort())) {
        socket.setSoTimeout(20000);
        javax.net.ssl.SSLParameters parameters = socket.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        socket.setSSLParameters(parameters);
        socket.getOutputStream().write(1);
        int answer = socket.getInputStream().read();
        return answer + " " + subject(socket.getSession()) + " " + served.get();
      }
    }
  }

  public static void main(String[] arguments) throws Exception {
    for (String line : Files.readAllLines(Path.of(arguments[0]))) {
      String[] words = line.split(" ");
      char[] password = Files.readString(Path.of(words[3]), StandardCharsets.UTF_8).toCharArray();
      try {
        KeyStore keys = load(words[0], words[1], password);
        KeyStore trusted = load(words[0], words[2], password);
        System.out.println(describe(keys, password) + " " + describe(trusted, password) + " " + talk(context(keys, trusted, password)));
      } catch (Exception failure) {
        System.out.println("failed: " + failure);
      }
    }
  }
}
