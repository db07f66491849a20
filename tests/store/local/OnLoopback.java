import com.amazonaws.services.dynamodbv2.local.main.ServerRunner;
import com.amazonaws.services.dynamodbv2.local.server.DynamoDBProxyServer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/** Starts DynamoDB Local in memory on a free loopback port; by itself it listens on all addresses. */
public class OnLoopback {
    public static void main(String[] args) throws Exception {
        String[] options = {"-inMemory", "-disableTelemetry", "-port", "8000"};
        // The port is not opened before start().
        DynamoDBProxyServer proxy = ServerRunner.createServerFromCommandLineArgs(options);
        var field = DynamoDBProxyServer.class.getDeclaredField("server");
        field.setAccessible(true);
        ServerConnector connector = (ServerConnector) ((Server) field.get(proxy)).getConnectors()[0];
        connector.setHost("127.0.0.1");
        connector.setPort(0);
        proxy.start();
        System.out.println("listens on 127.0.0.1:" + connector.getLocalPort());
        // Whoever started this holds its standard input, and it ends when they do.
        while (System.in.read() != -1) {}
        System.exit(0);
    }
}
