import sys; sys.argv=['x']
from common import *
dr=draws(60)
def f1q(f,t,share):
    k=max(1,int(round(share*len(f)))); th=np.sort(f)[::-1][k-1]; return f1m((f<th).astype(int),t)
def scoreq(Z,C,shares=(.1,.125,.15,.2)):
    A=[];F=[]
    for tr,te in dr:
        f=head(Z,tr,te,C,.5); A.append(auc(f,y[te])); F.append([f1q(f,y[te],s) for s in shares])
    return np.mean(A),np.mean(F,0)
def cen(Z,ZU):
    m=ZU.mean(0); s=np.sqrt(((ZU-m)**2).sum(1).mean()); return (Z-m)/s,(ZU-m)/s
def show(tag,X,Cs=(.3,1,3,10,30)):
    for C in Cs:
        a,f=scoreq(X,C); print(tag,C,'%.3f'%a,np.round(f,3))
if __name__=="__main__":
  for t in ('c','base'):
      d=np.load(f'Z_{t}.npz'); X,XU=cen(d['Z'],d['ZU'])
      show(t,X)
      # PCA of pool
      w,V=np.linalg.eigh(XU.T@XU/len(XU)); w=w[::-1];V=V[:,::-1]
      print('eig',np.round(w[:12]/w.sum(),3))
      for k in (10,20,40,80):
          show(f'{t} pca{k} whitened',X@V[:,:k]/np.sqrt(w[:k])/np.sqrt(k),(1,3,10))
      l2=X/np.linalg.norm(X,axis=1,keepdims=True); show(t+' unit',l2,(1,10))
  